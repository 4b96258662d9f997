//! What a failure tells about the module, as opposed to a server or a caller.

use super::failure::{Cause, Failure};
use crate::ftps::{CommandName, ErrCode};

/// What a failure points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Nothing that a repair of the module could help.
    Nothing,
    /// A server is out of reach. Several of them show that the module reaches none.
    Doubt,
    /// The module reached a server, and then the network failed the transfer.
    Transfer,
    /// The module's connection to the network does not carry data.
    Network,
    /// The module has no network.
    Unregistered,
    /// The module does not answer.
    Silence,
}

impl Failure {
    /// What this failure alone points to.
    #[must_use]
    pub fn sign(&self) -> Sign {
        // START opens the connection to the network. No server has a part in it.
        let starting = self.command == Some(CommandName::Start);
        let logging_in = self.command == Some(CommandName::Login);
        let calling = self.command == Some(CommandName::AT);
        match &self.cause {
            Cause::NotRegistered => Sign::Unregistered,
            Cause::NetworkLost if starting || logging_in => Sign::Network,
            Cause::NetworkLost => Sign::Transfer,
            Cause::Reported(code) => match *code {
                ErrCode::NETWORK | ErrCode::CREATE_SOCKET if starting || logging_in => {
                    Sign::Network
                }
                ErrCode::NETWORK | ErrCode::CREATE_SOCKET => Sign::Transfer,
                _ if starting => Sign::Network,
                ErrCode::CONNECT_SOCKET
                | ErrCode::CLOSE_SOCKET
                | ErrCode::TIMEOUT
                | ErrCode::UNKNOWN
                    if logging_in =>
                {
                    Sign::Doubt
                }
                // Among these are refusals of the server, which must not be provoked again
                // (accounts get locked), names that do not resolve, and certificates that prove
                // nothing.
                _ => Sign::Nothing,
            },
            Cause::Refused(_)
            | Cause::Timeout(_)
            | Cause::OutOfOrder(_)
            | Cause::Garbled
            | Cause::Disconnected
                if starting =>
            {
                Sign::Network
            }
            Cause::Timeout(_) if logging_in => Sign::Doubt,
            Cause::Timeout(_) if calling => Sign::Silence,
            Cause::Refused(_)
            | Cause::Timeout(_)
            | Cause::OutOfOrder(_)
            | Cause::Garbled
            | Cause::Disconnected
            | Cause::Rebooted
            | Cause::PortLost
            | Cause::SimMissing
            | Cause::SimLocked
            | Cause::Cancelled(_)
            | Cause::SourceGone
            | Cause::SourceForgotten
            | Cause::SourceStalled
            | Cause::ReceiverStalled
            | Cause::Exists
            | Cause::NotOnModule
            | Cause::OverLimit { .. }
            | Cause::DriveFull { .. }
            | Cause::SizeMismatch { .. }
            | Cause::SourceChanged
            | Cause::Undecided(_)
            | Cause::ListingUnread(_)
            | Cause::Unsuitable(_) => Sign::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::failure::{Awaited, Stage};

    fn sign(command: &'static str, cause: Cause) -> Sign {
        Failure::new(cause, Some(command.into()), Stage::Device).sign()
    }

    #[test]
    fn a_server_that_refuses_tells_nothing_of_the_module() {
        for code in [
            ErrCode::REJECTED,
            ErrCode::DNS,
            ErrCode::SSL_ALERT,
            ErrCode::CLOSED_BY_SERVER,
        ] {
            let told = sign("AT+CFTPSLOGIN", Cause::Reported(code));
            assert_eq!(told, Sign::Nothing, "{code}");
        }
        // The data connection of a server that was reached.
        let data = sign("AT+CFTPSGET", Cause::Reported(ErrCode::CONNECT_SOCKET));
        assert_eq!(data, Sign::Nothing);
    }

    #[test]
    fn the_start_of_the_service_tells_of_the_network() {
        let awaited = Cause::Timeout(Awaited::Result);
        let unknown = Cause::Reported(ErrCode::UNKNOWN);
        for cause in [Cause::Refused(None), awaited.clone(), unknown.clone()] {
            assert_eq!(sign("AT+CFTPSSTART", cause), Sign::Network);
        }
        for cause in [awaited, unknown, Cause::Reported(ErrCode::CONNECT_SOCKET)] {
            assert_eq!(sign("AT+CFTPSLOGIN", cause), Sign::Doubt);
        }
        let sockets = Cause::Reported(ErrCode::CREATE_SOCKET);
        assert_eq!(sign("AT+CFTPSPUT", sockets.clone()), Sign::Transfer);
        assert_eq!(sign("AT+CFTPSLOGIN", sockets), Sign::Network);
        let silence = Cause::Timeout(Awaited::FinalCode);
        assert_eq!(sign("AT", silence), Sign::Silence);
    }
}
