//! SIMCom's `<errcode>`: the number that ends every FTPS command.

use std::fmt;

/// The outcome of an FTPS command as the module numbers it (SIM7500/SIM7600 AT manual V3.00
/// §12.3.1; A76XX AT manual V1.09 §17.3.1 has the same table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrCode(u16);

impl ErrCode {
    /// 0: success.
    pub const SUCCESS: Self = Self(0);
    /// 1: TLS alert.
    pub const SSL_ALERT: Self = Self(1);
    /// 2: unknown error.
    pub const UNKNOWN: Self = Self(2);
    /// 3: another operation is under way.
    pub const BUSY: Self = Self(3);
    /// 4: the server closed the control connection.
    pub const CLOSED_BY_SERVER: Self = Self(4);
    /// 5: timeout.
    pub const TIMEOUT: Self = Self(5);
    /// 6: the transfer failed.
    pub const TRANSFER_FAILED: Self = Self(6);
    /// 7: a file does not exist, or another memory error.
    pub const MEMORY: Self = Self(7);
    /// 8: a parameter is invalid.
    pub const PARAMETER: Self = Self(8);
    /// 9: the server refused.
    pub const REJECTED: Self = Self(9);
    /// 10: network error.
    pub const NETWORK: Self = Self(10);
    /// 11: not started, not logged in, or out of order.
    pub const STATE: Self = Self(11);
    /// 12: the server's name did not resolve.
    pub const DNS: Self = Self(12);
    /// 13: no socket.
    pub const CREATE_SOCKET: Self = Self(13);
    /// 14: a socket did not connect; also for data connections.
    pub const CONNECT_SOCKET: Self = Self(14);
    /// 15: a socket did not close.
    pub const CLOSE_SOCKET: Self = Self(15);
    /// 16: the TLS session was closed.
    pub const SSL_CLOSED: Self = Self(16);
    /// 17: file error on the module.
    pub const FILE: Self = Self(17);
    /// 421: the server did not answer in time.
    pub const SERVER_TIMEOUT: Self = Self(421);

    /// Takes the number of a report.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the command succeeded.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }

    /// Whether the table has this number for a failure: 1 to 17, and 421. A size of the same value
    /// looks the same on the wire (SIMCom manual L1219).
    #[must_use]
    pub const fn is_known_failure(number: u64) -> bool {
        matches!(number, 1..=17 | 421)
    }

    /// One sentence for a person.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self.0 {
            0 => "success",
            1 => "TLS alert: the handshake or the certificate was refused",
            2 => "unknown error",
            3 => "the module is busy with another operation",
            4 => "the server closed the connection",
            5 => "timeout on the network",
            6 => "the transfer failed",
            7 => "a file does not exist, or the module is out of memory",
            8 => "the module does not accept a parameter",
            9 => "the server refused",
            10 => "network error: the data connection of the module may be down",
            11 => "the command does not fit the state of the module",
            12 => "the server's name could not be resolved",
            13 => "the module could not create a socket",
            14 => "the module could not connect a socket",
            15 => "the module could not close a socket",
            16 => "the TLS session was closed",
            17 => "file error on the module",
            421 => "the server did not answer in time",
            _ => "a number that SIMCom's table does not have",
        }
    }
}

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failures_of_the_table_are_known_and_no_others() {
        let known: Vec<u64> = (0..1000)
            .filter(|n| ErrCode::is_known_failure(*n))
            .collect();
        assert_eq!(known, (1..=17).chain([421]).collect::<Vec<_>>());
        for number in known {
            let code = ErrCode::new(u16::try_from(number).unwrap());
            assert!(!code.sentence().contains("does not have"), "{code}");
        }
        assert!(ErrCode::new(99).sentence().contains("does not have"));
    }
}
