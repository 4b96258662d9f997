//! The data budget as clients see it.

use cellftp::proto::modem_service_client::ModemServiceClient;
use cellftp::proto::{self, DataPeriod, DataScope, put_request};
use tonic::{Code, Request};
use tonic_types::StatusExt;

use crate::house::{House, content, ended, here, refused, target};

const LIMIT: &str = "[budget]\nper_day = 300000\nper_month = 1000000\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_beyond_the_budget_is_refused_before_it_is_asked_for() {
    let house = House::with(LIMIT).await;
    house.store("small", &content(100_000));
    house.store("large", &content(250_000));
    let client = house.client().await;
    let get = async |name| {
        let mut download = client.get(&here(), name, 0).await?;
        let mut size = 0;
        while let Some(chunk) = download.chunk().await? {
            size += chunk.len();
        }
        Ok::<_, cellftp::client::Error>(size)
    };
    assert_eq!(get("small").await.unwrap(), 100_000);
    let mut ftps = house.ftps().await;
    let request = proto::GetRequest {
        target: target(),
        path: "large".into(),
        ..Default::default()
    };
    let outcome = ended(ftps.get(request).await).await;
    let status = refused(outcome, Code::ResourceExhausted, "DATA_BUDGET");
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.metadata["limit"], "per_day");
    let left: u64 = info.metadata["left"].parse().unwrap();
    let needed: u64 = info.metadata["needed"].parse().unwrap();
    assert!(left < needed && needed > 250_000 && needed < 280_000);
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    assert!(wait.as_secs() <= 86_400, "{wait:?}");

    let usage = client.usage().await.unwrap();
    let total = usage.total.unwrap().today.unwrap();
    // The second file moved nothing but a question.
    assert_eq!(total.downloaded_bytes, 100_000);
    assert!(
        (100_000..120_000).contains(&total.on_air_bytes),
        "{total:?}"
    );
    let [own] = usage.own.as_slice() else {
        panic!("one profile: {:?}", usage.own)
    };
    assert_eq!(own.profile, "here");
    let limits: Vec<_> = usage
        .limits
        .iter()
        .map(|limit| {
            (
                limit.scope(),
                limit.period(),
                limit.used_bytes == total.on_air_bytes,
            )
        })
        .collect();
    assert_eq!(
        limits,
        [
            (DataScope::Module, DataPeriod::Day, true),
            (DataScope::Module, DataPeriod::Month, true)
        ]
    );
    let mut modem = ModemServiceClient::new(house.channel().await);
    let status = modem
        .get_status(proto::GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(status.data, usage.total);

    // What fits is still carried out.
    assert_eq!(get("small").await.unwrap(), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_beyond_the_budget_leaves_nothing() {
    let house = House::with(LIMIT).await;
    let mut ftps = house.ftps().await;
    let header = |size| {
        let header = proto::PutHeader {
            target: target(),
            path: "f".into(),
            size,
            ..Default::default()
        };
        proto::PutRequest {
            message: Some(put_request::Message::Header(header)),
        }
    };
    let declared = tokio_stream::once(header(Some(400_000)));
    let outcome = ftps.put(Request::new(declared)).await;
    refused(outcome, Code::ResourceExhausted, "DATA_BUDGET");

    let chunk = |_| proto::PutRequest {
        message: Some(put_request::Message::Chunk(content(50_000).into())),
    };
    let parts: Vec<_> = [header(None)]
        .into_iter()
        .chain((0..8).map(chunk))
        .collect();
    let mut answers = ftps
        .put(Request::new(tokio_stream::iter(parts)))
        .await
        .unwrap()
        .into_inner();
    let end = loop {
        match answers.message().await {
            Ok(answer) => assert!(answer.is_some(), "this was to be refused"),
            Err(status) => break status,
        }
    };
    refused::<()>(Err(end), Code::ResourceExhausted, "DATA_BUDGET");
    assert!(!house.root().join("f").exists());
}
