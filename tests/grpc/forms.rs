//! How content goes over the link, what the module can do, and paths that it does not take.

use cellftp::client::{PutOptions, PutState};
use cellftp::proto::modem_service_client::ModemServiceClient;
use cellftp::proto::{self, GetCapabilitiesResponse};
use tonic::Code;
use tonic_types::StatusExt;

use crate::house::{House, content, here, refused, target};

async fn capabilities(house: &House) -> GetCapabilitiesResponse {
    ModemServiceClient::new(house.channel().await)
        .get_capabilities(proto::GetCapabilitiesRequest {})
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_as_they_went_in_pieces() {
    let more = "[transfers]\ndownload = \"pull\"\nupload = \"blocks\"\n";
    let house = House::with(more).await;
    let client = house.client().await;
    for size in [0, 1, 2048, 2049, 30_000] {
        let sent = content(size);
        let path = format!("/file-{size}");
        let options = PutOptions::default();
        let result = client
            .put(&here(), &path, &options, &mut sent.as_slice(), |_| ())
            .await
            .unwrap();
        assert_eq!(result.state(), PutState::VerifiedSize, "{size}");
        assert_eq!(std::fs::read(house.root().join(&path[1..])).unwrap(), sent);
        let mut back = Vec::new();
        let download = client.get(&here(), &path, 0).await.unwrap();
        download.copy_to(&mut back, |_| ()).await.unwrap();
        assert!(back == sent, "{size} bytes came back different");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_tells_what_it_can_do() {
    let house = House::ready().await;
    let can = capabilities(&house).await;
    assert_eq!((can.family.as_str(), can.max_path_bytes), ("SIM7600", 256));
    assert!(can.can_read_cache && can.can_write_blocks && can.can_abort && can.quirks.is_empty());
    assert!(can.non_ascii_commands.contains(&"AT+CFTPSCWD".to_string()));
    let asked: Vec<_> = can
        .probe_answers
        .iter()
        .map(|p| p.command.as_str())
        .collect();
    assert_eq!(asked.first(), Some(&"AT+CFTPSGET=?"));
    assert!(
        can.probe_answers.iter().any(|p| p.answer.is_none()),
        "MODE is not there"
    );

    let house = House::with("[module.emulator]\nfamily = \"a7670\"\n").await;
    let can = capabilities(&house).await;
    assert_eq!((can.family.as_str(), can.max_path_bytes), ("A76xx", 112));
    assert!(can.can_choose_active && can.can_bind_tls && !can.can_read_cache && !can.can_abort);
    assert!(can.non_ascii_commands.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_module_was_there_the_careful_defaults_are_told() {
    let can = capabilities(&House::without_module().await).await;
    assert_eq!((can.family.as_str(), can.model.as_str()), ("unknown", ""));
    assert!(can.probe_answers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quirk_goes_over_what_the_module_says() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("quirks.toml");
    let quirk = "[[quirk]]\nname = \"no cache\"\nmodel = \"simcom_sim7600\"\ncache = false\n\
                 max_path = 100\n";
    std::fs::write(&file, quirk).unwrap();
    let house = House::with_module(&format!("quirks = {:?}\n", file.display().to_string())).await;
    let can = capabilities(&house).await;
    assert_eq!(can.quirks, ["no cache"]);
    assert_eq!((can.can_read_cache, can.max_path_bytes), (false, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_path_is_reached_and_a_long_name_is_refused() {
    let house = House::ready().await;
    let directory = format!("/{}", ["d".repeat(100).as_str(); 4].join("/"));
    std::fs::create_dir_all(house.root().join(&directory[1..])).unwrap();
    house.store(&format!("{}/file", &directory[1..]), b"12345");
    let mut ftps = house.ftps().await;
    let size = |path: String| proto::GetSizeRequest {
        target: target(),
        path,
        ..Default::default()
    };
    let found = ftps.get_size(size(format!("{directory}/file"))).await;
    assert_eq!(found.unwrap().into_inner().size, 5);

    let refusal = ftps.get_size(size(format!("/{}", "n".repeat(300)))).await;
    let status = refused(refusal, Code::InvalidArgument, "BAD_PARAMETER");
    let bad = status.get_details_bad_request().unwrap();
    assert_eq!(bad.field_violations[0].field, "path");
    let make = proto::MakeDirectoryRequest {
        target: target(),
        path: "/\u{e4}".into(),
        ..Default::default()
    };
    let status = refused(
        ftps.make_directory(make).await,
        Code::InvalidArgument,
        "BAD_PARAMETER",
    );
    assert!(status.message().contains("AT+CFTPSMKD"), "{status:?}");
}
