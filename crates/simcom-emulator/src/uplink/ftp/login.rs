//! From a host name to a session.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::ExposeSecret;
use suppaftp::types::FileType;
use suppaftp::{FtpError, FtpResult, Mode, Status};
use tokio::net::TcpStream;

use super::control::{Control, failure};
use super::latin1::Latin1;
use super::tls::ModuleTls;
use crate::request::{Failure, Login, Security};

/// Longest wait for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Connects, secures the connection as the session requires, and logs in.
pub(super) async fn log_in(login: &Login) -> Result<Control, Failure> {
    // The module's PDP context is IPv4 by default, so IPv4 comes first here.
    let found = tokio::net::lookup_host((login.host.as_str(), login.port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|_| Failure::Dns)?.collect();
    let first = addresses
        .iter()
        .find(|address| address.is_ipv4())
        .or(addresses.first());
    let address = *first.ok_or(Failure::Dns)?;
    let mut control = match login.security {
        Security::Plain | Security::AuthTls => {
            let stream = connect(address).await.map_err(failure)?;
            let control = Control::connect_with_stream(stream)
                .await
                .map_err(failure)?;
            if login.security == Security::Plain {
                control
            } else {
                control
                    .into_secure(ModuleTls::new(login)?, &login.host)
                    .await
                    .map_err(failure)?
            }
        }
        Security::AuthSsl | Security::Implicit => {
            let tls = ModuleTls::new(login)?;
            Control::connect_secure_implicit(address, tls, &login.host)
                .await
                .map_err(failure)?
        }
    };
    control.set_encoding(Latin1).await;
    control.set_mode(if login.passive {
        Mode::Passive
    } else {
        Mode::Active
    });
    if login.passive && address.is_ipv6() {
        control.set_mode(Mode::ExtendedPassive);
    }
    control.set_passive_nat_workaround(login.single_ip);
    let mut control = control.passive_stream_builder(|address| Box::pin(connect(address)));
    control
        .login(login.user.as_str(), login.password.expose_secret())
        .await
        .map_err(failure)?;
    if matches!(login.security, Security::AuthSsl | Security::Implicit) {
        // RFC 4217 §9: data connections are not protected by default. The client sends these
        // commands itself where it has sent AUTH TLS.
        for command in ["PBSZ 0", "PROT P"] {
            control
                .custom_command(command, &[Status::CommandOk])
                .await
                .map_err(failure)?;
        }
    }
    control
        .transfer_type(FileType::Image)
        .await
        .map_err(failure)?;
    Ok(control)
}

async fn connect(address: SocketAddr) -> FtpResult<TcpStream> {
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(connected) => connected.map_err(FtpError::ConnectionError),
        Err(late) => Err(FtpError::ConnectionError(late.into())),
    }
}
