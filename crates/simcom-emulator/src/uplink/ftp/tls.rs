//! TLS as the module does it: by default it checks nothing, its control and data connections have
//! separate contexts, and it may or may not resume sessions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::{fmt, io};

use bytes::{Buf, Bytes};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use suppaftp::tokio::{AsyncTlsConnector, TokioTlsStream};
use suppaftp::{FtpError, FtpResult};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::request::{Failure, Login, Security, TlsSettings, TlsVersions};

/// Makes the TLS connections of one session.
pub(super) struct ModuleTls {
    control: Arc<ClientConfig>,
    data: Arc<ClientConfig>,
    security: Security,
    /// The first connection is the control connection.
    control_is_up: AtomicBool,
}

/// Most bytes of a greeting or of the reply to AUTH. RFC 959 sets no bound; servers stay far below.
const REPLY_LIMIT: usize = 16 * 1024;
/// The first line of a secured control connection for the FTP client, which has not seen the
/// greeting that came unencrypted.
const GREETING: &[u8] = b"220 ready\r\n";

impl ModuleTls {
    /// Reads the settings of a login. A certificate that cannot be read fails like a handshake.
    pub(super) fn new(login: &Login) -> Result<Self, Failure> {
        let control = Arc::new(config(&login.control_tls)?);
        let data = if login.session_reuse && login.data_tls == login.control_tls {
            Arc::clone(&control)
        } else {
            let mut config = config(&login.data_tls)?;
            config.resumption = Resumption::disabled();
            Arc::new(config)
        };
        let security = login.security;
        Ok(Self {
            control,
            data,
            security,
            control_is_up: AtomicBool::new(false),
        })
    }

    async fn secure(&self, domain: &str, mut stream: TcpStream) -> FtpResult<Stream> {
        let is_control = !self.control_is_up.swap(true, Ordering::Relaxed);
        let auth_ssl = is_control && self.security == Security::AuthSsl;
        if auth_ssl {
            reply(&mut stream, b"220").await?;
            stream
                .write_all(b"AUTH SSL\r\n")
                .await
                .map_err(FtpError::ConnectionError)?;
            reply(&mut stream, b"234").await?;
        }
        let config = if is_control {
            &self.control
        } else {
            &self.data
        };
        let name = ServerName::try_from(domain.to_owned())
            .map_err(|error| FtpError::SecureError(error.to_string()))?;
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await
            .map_err(|error| FtpError::SecureError(error.to_string()))?;
        let said = if auth_ssl {
            Bytes::from_static(GREETING)
        } else {
            Bytes::new()
        };
        Ok(Stream { said, stream })
    }
}

impl fmt::Debug for ModuleTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleTls")
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

impl AsyncTlsConnector for ModuleTls {
    type Stream = Stream;

    fn connect<'a, 'b, 'c>(
        &'a self,
        domain: &'b str,
        stream: TcpStream,
    ) -> Pin<Box<dyn Future<Output = FtpResult<Stream>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(self.secure(domain, stream))
    }
}

/// Reads one unencrypted reply (RFC 959 §4.2) and compares its code.
async fn reply(stream: &mut TcpStream, code: &[u8; 3]) -> FtpResult<()> {
    let mut text = Vec::new();
    loop {
        // One byte at a time: the bytes after the reply belong to the handshake.
        let byte = stream.read_u8().await.map_err(FtpError::ConnectionError)?;
        text.push(byte);
        if text.len() > REPLY_LIMIT {
            return Err(FtpError::BadResponse);
        }
        if byte != b'\n' {
            continue;
        }
        let last = text
            .strip_suffix(b"\n")
            .and_then(|t| t.rsplit(|b| *b == b'\n').next());
        if last.is_some_and(|line| line.get(3) == Some(&b' ') && line.starts_with(code)) {
            return Ok(());
        }
        let ended = last.is_some_and(|line| {
            line.get(3) == Some(&b' ') && line.iter().take(3).all(u8::is_ascii_digit)
        });
        if ended {
            let number = std::str::from_utf8(text.get(..3).unwrap_or_default())
                .ok()
                .and_then(|number| number.parse::<u32>().ok())
                .unwrap_or_default();
            let response = suppaftp::types::Response::new(number.into(), text);
            return Err(FtpError::UnexpectedResponse(response));
        }
    }
}

fn config(settings: &TlsSettings) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] = match settings.versions {
        // No TLS library still offers them: the handshake would end in an alert.
        TlsVersions::Obsolete => return Err(Failure::Tls),
        TlsVersions::Tls12 => &[&rustls::version::TLS12],
        TlsVersions::Tls12And13 => &[&rustls::version::TLS12, &rustls::version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|_| Failure::Tls)?;
    let builder = if settings.verify_server {
        let mut roots = RootCertStore::empty();
        let pem = settings.ca.as_deref().unwrap_or_default();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots
                .add(certificate.map_err(|_| Failure::Tls)?)
                .map_err(|_| Failure::Tls)?;
        }
        builder.with_root_certificates(roots)
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    let mut config = match &settings.identity {
        Some(identity) => {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(&identity.chain).collect();
            let key = PrivateKeyDer::from_pem_slice(&identity.key);
            builder
                .with_client_auth_cert(
                    chain.map_err(|_| Failure::Tls)?,
                    key.map_err(|_| Failure::Tls)?,
                )
                .map_err(|_| Failure::Tls)?
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = settings.sni;
    Ok(config)
}

/// `authmode` 0: any certificate is accepted.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A TLS connection, which may begin with a greeting.
#[derive(Debug)]
pub(super) struct Stream {
    said: Bytes,
    stream: TlsStream<TcpStream>,
}

impl TokioTlsStream for Stream {
    type InnerStream = TlsStream<TcpStream>;

    fn tcp_stream(self) -> FtpResult<TcpStream> {
        Ok(self.stream.into_inner().0)
    }

    fn get_ref(&self) -> &TcpStream {
        self.stream.get_ref().0
    }

    fn mut_ref(&mut self) -> &mut Self::InnerStream {
        &mut self.stream
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let len = self.said.len().min(buffer.remaining());
        buffer.put_slice(self.said.get(..len).unwrap_or_default());
        self.said.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
