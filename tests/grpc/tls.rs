//! What a caller may ask of a server's TLS, and what the result is.

use cellftp::proto::target::Destination;
use cellftp::proto::{self, Security, ServerVerification, TlsFloor};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::acceptor::self_signed;
use crate::house::{House, here, refused};

/// A certificate that signs itself.
struct Certificate {
    pem: String,
    key: String,
    tls: TlsAcceptor,
}

impl Certificate {
    fn make() -> Self {
        let (made, tls) = self_signed();
        Self {
            pem: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            tls,
        }
    }
}

/// A server with implicit TLS that accepts any user, and whose every file has 100 bytes.
async fn ftps_server(certificate: &Certificate) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = certificate.tls.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                // A client that rejects the certificate leaves.
                let Ok(stream) = tls.accept(connection).await else {
                    return;
                };
                let _ = converse(BufReader::new(stream)).await;
            });
        }
    });
    port
}

async fn converse(mut control: BufReader<TlsStream<TcpStream>>) -> std::io::Result<()> {
    control.write_all(b"220 ready\r\n").await?;
    let mut line = String::new();
    while control.read_line(&mut line).await? > 0 {
        let reply = match line.split_whitespace().next() {
            Some("USER") => "331 password",
            Some("PASS") => "230 welcome",
            Some("PBSZ" | "PROT" | "TYPE") => "200 fine",
            Some("SIZE") => "213 100",
            Some("QUIT") => "221 bye",
            _ => "502 no",
        };
        control.write_all(format!("{reply}\r\n").as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

fn server(port: u16, verification: ServerVerification, ca: &str) -> proto::InlineServer {
    proto::InlineServer {
        host: "127.0.0.1".into(),
        port: port.into(),
        username: "anyone".into(),
        security: Security::Implicit.into(),
        verification: verification.into(),
        ca_certificate: ca.to_owned().into(),
        ..Default::default()
    }
}

async fn size(house: &House, server: proto::InlineServer) -> Result<i64, Status> {
    let request = proto::GetSizeRequest {
        target: Some(proto::Target {
            destination: Some(Destination::InlineServer(server)),
        }),
        path: "/x".into(),
        ..Default::default()
    };
    let answer = house.ftps().await.get_size(request).await?;
    Ok(answer.into_inner().size)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_a_request_proves_who_it_is() {
    let house = House::with("[transfers]\nallow_inline_servers = true\n").await;
    let (own, other) = (Certificate::make(), Certificate::make());
    let port = ftps_server(&own).await;

    use ServerVerification as V;
    // Verified unless the caller says otherwise.
    for verification in [V::Unspecified, V::Required] {
        let good = server(port, verification, &own.pem);
        assert_eq!(size(&house, good).await.unwrap(), 100);
        let wrong = size(&house, server(port, verification, &other.pem)).await;
        let status = refused(wrong, Code::FailedPrecondition, "TLS_ALERT");
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!(metadata["stage"], "tls");
        assert_eq!(metadata["errcode"], "1");
    }
    let unseen = server(port, V::None, "");
    assert_eq!(size(&house, unseen).await.unwrap(), 100);
    let any = proto::InlineServer {
        tls_floor: TlsFloor::Any.into(),
        server_name_indication: proto::ServerNameIndication::Omitted.into(),
        ..server(port, V::Required, &own.pem)
    };
    assert_eq!(size(&house, any).await.unwrap(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_nothing_about_a_server_is_refused() {
    let house = House::with("[transfers]\nallow_inline_servers = true\n").await;
    let own = Certificate::make();
    use ServerVerification as V;
    let plain = proto::InlineServer {
        security: Security::None.into(),
        ..server(21, V::Required, &own.pem)
    };
    let key = own.key.clone() + &own.pem;
    let unknown = proto::InlineServer {
        verification: 7,
        tls_floor: 8,
        ..server(21, V::Required, &own.pem)
    };
    for (server, fields) in [
        (server(21, V::Unspecified, ""), &["ca_certificate"][..]),
        (server(21, V::Required, "no PEM"), &["ca_certificate"]),
        (server(21, V::Required, &key), &["ca_certificate"]),
        (server(21, V::None, &own.pem), &["ca_certificate"]),
        (plain, &["ca_certificate"]),
        (unknown, &["verification", "tls_floor"]),
    ] {
        let outcome = size(&house, server).await;
        let status = refused(outcome, Code::InvalidArgument, "INVALID_FIELDS");
        let bad = status.get_details_bad_request().unwrap();
        let found: Vec<&str> = bad
            .field_violations
            .iter()
            .filter_map(|violation| violation.field.rsplit('.').next())
            .collect();
        assert_eq!(found, fields, "{status:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_does_not_take_the_certificate_logs_in_nowhere() {
    let scratch = tempfile::tempdir().unwrap();
    let ca = scratch.path().join("ca.pem");
    std::fs::write(&ca, Certificate::make().pem).unwrap();
    let house = House::with(&format!(
        "[servers.checked]\nhost = \"127.0.0.1\"\nport = 1\nca_file = {ca:?}\n\
         [module.emulator.knobs]\nrefuse = [\"+CCERTDOWN\"]\n"
    ))
    .await;
    let request = proto::GetSizeRequest {
        target: Some(proto::Target {
            destination: Some(Destination::Profile("checked".into())),
        }),
        path: "/x".into(),
        ..Default::default()
    };
    let outcome = house.ftps().await.get_size(request).await;
    let status = refused(outcome, Code::FailedPrecondition, "TLS_SETUP_REFUSED");
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata["stage"], "tls");
    assert_eq!(metadata["command"], "AT+CCERTDOWN");
    // Servers without TLS are not affected.
    house.client().await.list(&here(), "/").await.unwrap();
}
