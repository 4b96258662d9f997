//! The TCP port with TLS: who is let in, as whom, and who is not.

use cellftp::client::{Address, Client, Credentials, Error};
use cellftp::proto::{self, modem_service_client::ModemServiceClient};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::authority::{Authority, Signed};
use crate::house::{House, PATIENCE, content, here};

/// A house whose TCP port has TLS.
struct Site {
    house: House,
    authority: Authority,
    _files: TempDir,
}

impl Site {
    async fn with(more: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let own = authority.server().files(files.path(), "own");
        let tls = format!(
            "[listen.tls]\ncert_file = {:?}\nkey_file = {:?}\nclient_ca_file = {:?}\n{more}",
            own.certificate,
            own.key,
            authority.file(files.path()),
        );
        Self {
            house: House::with(&tls).await,
            authority,
            _files: files,
        }
    }

    /// `127.0.0.1:port`.
    fn socket(&self) -> &str {
        self.house.tcp.trim_start_matches("http://")
    }

    fn address(&self) -> Address {
        format!("https://{}", self.socket()).parse().unwrap()
    }

    fn credentials(&self, own: &Signed) -> Credentials {
        let ca = self.authority.pem();
        Credentials::from_pem(
            ca.as_bytes(),
            own.certificate.as_bytes(),
            own.key.as_bytes(),
        )
    }

    /// One call of a client that shows `own`.
    async fn size(&self, own: &Signed) -> Result<u64, Error> {
        let credentials = self.credentials(own);
        let client = Client::connect_with(&self.address(), Some(&credentials)).await?;
        timeout(PATIENCE, client.size(&here(), "/file"))
            .await
            .unwrap()
    }

    async fn client(&self, name: &str) -> Client {
        let credentials = self.credentials(&self.authority.client(name));
        Client::connect_with(&self.address(), Some(&credentials))
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_certificate_of_the_authority_lets_in() {
    let site = Site::with("").await;
    site.house.store("file", b"1234");
    let good = site.authority.client("backup");
    assert_eq!(site.size(&good).await.unwrap(), 4);

    let foreign = Authority::new().client("backup");
    let expired = site.authority.expired_client("backup");
    for refused in [foreign, expired] {
        // With TLS 1.3, the client learns of it at its first call.
        let error = site.size(&refused).await.unwrap_err();
        let turned_away = matches!(
            error,
            Error::Certificate { .. } | Error::Closed | Error::Lost { .. }
        );
        assert!(turned_away, "{error:?}");
    }
    let ca = Certificate::from_pem(site.authority.pem());
    let bare = Endpoint::from_shared(site.address().to_string())
        .unwrap()
        .tls_config(ClientTlsConfig::new().ca_certificate(ca))
        .unwrap();
    if let Ok(channel) = bare.connect().await {
        let outcome = ModemServiceClient::new(channel)
            .get_status(proto::GetStatusRequest {})
            .await;
        // The transport's error for a closed connection depends on when the closing was noticed.
        let code = outcome.unwrap_err().code();
        let closed = matches!(code, Code::Unknown | Code::Cancelled | Code::Unavailable);
        assert!(closed, "{code:?}");
    }
    let plain = format!("http://{}", site.socket()).parse().unwrap();
    if let Ok(client) = Client::connect(&plain).await {
        client.status().await.unwrap_err();
    }
    // None of them has harmed anybody.
    assert_eq!(site.size(&good).await.unwrap(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_proves_who_it_is_as_well() {
    let site = Site::with("").await;
    let own = site.authority.client("backup");
    let impostor = Authority::new().pem();
    let credentials = Credentials::from_pem(
        impostor.as_bytes(),
        own.certificate.as_bytes(),
        own.key.as_bytes(),
    );
    let error = Client::connect_with(&site.address(), Some(&credentials)).await;
    assert!(matches!(error, Err(Error::Connect { .. })), "{error:?}");
    // The right authority, and a name that the certificate is not for.
    let port = site.socket().rsplit_once(':').unwrap().1;
    let other: Address = format!("https://127.0.0.2:{port}").parse().unwrap();
    let error = Client::connect_with(&other, Some(&site.credentials(&own))).await;
    assert!(matches!(error, Err(Error::Connect { .. })), "{error:?}");
    let error = Client::connect(&site.address()).await;
    assert!(matches!(error, Err(Error::Address { .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stalls_holds_up_nobody() {
    let site = Site::with("").await;
    site.house.store("file", b"1234");
    let own = site.authority.client("backup");
    // More than may be running at once.
    let mut stalled = Vec::new();
    for _ in 0..70 {
        stalled.push(TcpStream::connect(site.socket()).await.unwrap());
    }
    assert_eq!(site.size(&own).await.unwrap(), 4);
    // The first of them was ended, and made room.
    let mut first = stalled.swap_remove(0);
    let ended = timeout(PATIENCE, first.read_u8()).await.unwrap();
    assert!(ended.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_name_is_a_client_of_its_own() {
    let site = Site::with("[module.emulator.knobs]\nbaud = 460800\n").await;
    site.house.store("big", &content(2_000_000));
    let (one, two) = (site.client("one").await, site.client("two").await);
    let again = site.client("one").await;
    let session = one.open_session("here", "/").await.unwrap().session_id;
    let mut download = one.get(&here(), "/big", 0).await.unwrap();
    let operation = download.operation_id().to_owned();
    download.chunk().await.unwrap();

    for stranger in [&two, &site.house.client().await] {
        let queue = stranger.queue().await.unwrap();
        let shown = queue.operations[0].operation.clone().unwrap();
        assert_eq!(shown.operation_id, operation);
        assert_eq!(
            shown.profile, "",
            "where it goes is not a stranger's business"
        );
        let reasons = [
            stranger.cancel(&operation).await.unwrap_err(),
            stranger.close_session(&session).await.unwrap_err(),
        ]
        .map(|error| match error {
            Error::Refused(refusal) => refusal.reason,
            error => panic!("{error:?}"),
        });
        assert_eq!(reasons, ["OPERATION_NOT_FOUND", "SESSION_NOT_FOUND"]);
    }
    // Another connection with the same name is the same client.
    let queue = again.queue().await.unwrap();
    let shown = queue.operations[0].operation.clone().unwrap();
    assert_eq!(shown.profile, "here");
    again.close_session(&session).await.unwrap();
    timeout(PATIENCE, again.cancel(&operation))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_filled_a_share_of_the_queue_does_not_block_the_next() {
    let site =
        Site::with("[module.emulator.knobs]\nbaud = 460800\n[queue]\nper_client = 1\n").await;
    site.house.store("big", &content(400_000));
    site.house.store("file", b"1234");
    let (greedy, modest) = (site.client("greedy").await, site.client("modest").await);
    let mut download = greedy.get(&here(), "/big", 0).await.unwrap();
    download.chunk().await.unwrap();
    let Err(Error::Refused(refusal)) = greedy.size(&here(), "/file").await else {
        panic!("the share is one operation")
    };
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (Code::ResourceExhausted, "QUEUE_FULL")
    );
    assert_eq!(modest.size(&here(), "/file").await.unwrap(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_names_nobody_is_told_so() {
    let site = Site::with("").await;
    let credentials = site.credentials(&site.authority.client(""));
    let client = Client::connect_with(&site.address(), Some(&credentials))
        .await
        .unwrap();
    let Err(Error::Refused(refusal)) = client.status().await else {
        panic!("nobody has no name")
    };
    assert_eq!(refusal.code, Code::Unauthenticated);
    assert_eq!(refusal.reason, "NO_IDENTITY");
    assert!(refusal.message.contains("names nobody"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_missing_is_named() {
    let site = Site::with("[roles]\nadminister = [\"cert:ops\"]\n").await;
    site.house.store("file", b"1234");
    let stop = async |client: &Client| match client.stop_ftps().await {
        Ok(()) => None,
        Err(Error::Refused(refusal)) => Some(*refusal),
        Err(error) => panic!("{error:?}"),
    };
    let meter = site.client("meter").await;
    assert_eq!(meter.size(&here(), "/file").await.unwrap(), 4);
    for (client, name) in [(&meter, "cert:meter"), (&site.house.client().await, "uid:")] {
        let refusal = stop(client).await.unwrap();
        assert_eq!(refusal.code, Code::PermissionDenied);
        assert_eq!(refusal.reason, "ROLE_REQUIRED");
        assert_eq!(refusal.metadata["role"], "administer");
        assert!(
            refusal.metadata["principal"].starts_with(name),
            "{refusal:?}"
        );
        assert!(refusal.message.contains("StopFtps"), "{refusal}");
        assert!(refusal.message.contains("roles.administer"), "{refusal}");
    }
    assert!(stop(&site.client("ops").await).await.is_none());
    // A stream is turned away as well.
    let mut sink = tokio::io::sink();
    let read = meter.read_module_file("F:/x", &mut sink, |_| {}).await;
    let Err(Error::Refused(refusal)) = read else {
        panic!("the module's files are nobody's")
    };
    assert_eq!(refusal.metadata["role"], "module_files");
}
