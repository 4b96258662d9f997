//! The doors, health and reflection, and the end of the daemon.

use std::os::unix::fs::PermissionsExt;

use cellftp::client::Client;
use cellftp::config::parse;
use cellftp::daemon::{Daemon, Passed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_stream::once;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::house::{House, PATIENCE, connect, content, here};

async fn health(channel: Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest {
        service: service.into(),
    };
    HealthClient::new(channel)
        .check(request)
        .await
        .unwrap()
        .into_inner()
        .status()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_doors_serve() {
    let house = House::ready().await;
    house.store("file", b"1234");
    for address in [
        format!("unix:{}", house.socket().display()),
        house.tcp.clone(),
    ] {
        let client = Client::connect(&address.parse().unwrap()).await.unwrap();
        assert_eq!(client.size(&here(), "/file").await.unwrap(), 4, "{address}");
    }
    let mode = std::fs::metadata(house.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
}

/// 100,000 streams on one connection took 916 MiB, since the server set no limit (RFC 9113 §6.5.2).
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_told_how_many_streams_it_may_have() {
    let house = House::ready().await;
    let mut stream = TcpStream::connect(house.tcp.trim_start_matches("http://"))
        .await
        .unwrap();
    // The preface, and SETTINGS without any.
    let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(begin).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS come first");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let setting = |id: u8| {
        let found = settings.chunks(6).find(|setting| setting[1] == id);
        found.map(|found| u32::from_be_bytes([found[2], found[3], found[4], found[5]]))
    };
    assert_eq!(setting(3), Some(100), "streams: {settings:?}");
    assert_eq!(setting(6), Some(8192), "headers: {settings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_module() {
    let house = House::ready().await;
    for service in [
        "",
        "cellftp.v1.FtpsService",
        "cellftp.v1.ModemService",
        "cellftp.v1.ModuleStorageService",
    ] {
        let status = health(house.channel().await, service).await;
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    let request = HealthCheckRequest {
        service: "nobody".into(),
    };
    let unknown = HealthClient::new(house.channel().await)
        .check(request)
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let house = House::without_module().await;
    for service in ["cellftp.v1.FtpsService", "cellftp.v1.ModuleStorageService"] {
        let status = health(house.channel().await, service).await;
        assert_eq!(status, ServingStatus::NotServing);
    }
    for service in ["", "cellftp.v1.ModemService"] {
        assert_eq!(
            health(house.channel().await, service).await,
            ServingStatus::Serving
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_services_by_both_names() {
    let house = House::ready().await;
    let want = [
        "cellftp.v1.FtpsService",
        "cellftp.v1.ModemService",
        "cellftp.v1.ModuleStorageService",
        "grpc.health.v1.Health",
    ];

    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(house.channel().await);
    let mut stream = client
        .server_reflection_info(once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = stream
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<&str> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert!(want.iter().all(|name| names.contains(name)), "{names:?}");

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "google.rpc.ErrorInfo".into(),
            ),
        ),
    };
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(house.channel().await);
    let mut stream = client
        .server_reflection_info(once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = stream
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let described = matches!(
        answer,
        v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)
    );
    assert!(
        described,
        "clients decode the details of errors: {answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_leaves_the_first_alone() {
    let house = House::ready().await;
    let text = format!(
        "[module]\ndevice = \"emulator\"\n[listen]\nunix = \"{}\"\n",
        house.socket().display()
    );
    let config = parse("test.toml", &text, []).unwrap().config;
    let error = Daemon::open(&config, Passed::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("another process serves"), "{error}");
    connect(&house.socket()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_graceful() {
    let mut house = House::slow().await;
    house.store("file", &content(100_000));
    let client = house.client().await;
    let mut download = client.get(&here(), "/file", 0).await.unwrap();
    house.stop.cancel();
    let mut size = 0;
    while let Some(chunk) = download.chunk().await.unwrap() {
        size += chunk.len();
    }
    assert_eq!(size, 100_000, "a call that runs is finished");
    drop(client);
    timeout(PATIENCE, &mut house.serving)
        .await
        .unwrap()
        .unwrap();
    assert!(!house.socket().exists());
    assert!(Client::connect(&house.tcp.parse().unwrap()).await.is_err());
}
