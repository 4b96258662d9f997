//! Unsolicited lines that change where the module stands.

/// An unsolicited line. Most lines that nobody asked for mean nothing here; these do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Urc {
    /// The module has started: all state is lost.
    Boot,
    /// `+CFTPSNOTIFY: PEER CLOSED`: the control connection is gone; log out and in again.
    PeerClosed,
    /// `+CFTPSNOTIFY: FTPS DISCONNECT` (A76XX AT manual V1.09 §17): start again.
    ServiceLost,
    /// The data connection to the network is down.
    NetworkLost,
    /// `+CFTPS: RECV EVENT`: content has come into the cache (SIMCom manual L1214 b).
    Received,
    /// `+CFTPSERRORBUF:` the server's own words (A76xx).
    ServerText(String),
    /// Anything else.
    Other(String),
}

impl Urc {
    /// Reads a line that no exchange claimed.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        if is_boot(line) {
            return Self::Boot;
        }
        let other = || Self::Other(line.to_owned());
        let Some((name, body)) = line.split_once(':') else {
            return other();
        };
        match (name, body.trim()) {
            // Printed with and without the blank inside.
            ("+CFTPSNOTIFY", "PEER CLOSED" | "PEERCLOSED") => Self::PeerClosed,
            ("+CFTPSNOTIFY", "FTPS DISCONNECT" | "FTPSDISCONNECT") => Self::ServiceLost,
            ("+CFTPS", "RECV EVENT") => Self::Received,
            ("+CFTPSERRORBUF", text) => Self::ServerText(text.trim_matches('"').to_owned()),
            ("+CGEV", event) if is_network_lost(event) => Self::NetworkLost,
            _ => other(),
        }
    }
}

/// The first words after power-on: `RDY` of the SIM7600 at a fixed baud rate, `Autobaud: OK`
/// otherwise, `*ATREADY: 1` of the A76xx. The lines after them (`+CPIN: READY`, `SMS DONE`,
/// `PB DONE`) come many seconds late, when the module may be at work already.
fn is_boot(line: &str) -> bool {
    matches!(line, "RDY" | "Autobaud: OK") || line.starts_with("*ATREADY")
}

/// 3GPP 27.007 §10.1.19: the context was deactivated or the module detached. An event of a
/// context other than 1, which the FTPS service uses by default, says nothing about it.
fn is_network_lost(event: &str) -> bool {
    let deactivated = ["ME PDN DEACT", "NW PDN DEACT"];
    match deactivated
        .iter()
        .find_map(|prefix| event.strip_prefix(prefix))
    {
        Some(context) => matches!(context.trim(), "" | "1"),
        None => matches!(event, "NW DETACH" | "ME DETACH"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_change_the_standing_are_known() {
        for (line, urc) in [
            ("RDY", Urc::Boot),
            ("*ATREADY: 1", Urc::Boot),
            ("+CFTPSNOTIFY: PEER CLOSED", Urc::PeerClosed),
            ("+CFTPSNOTIFY:PEER CLOSED", Urc::PeerClosed),
            ("+CFTPSNOTIFY: FTPS DISCONNECT", Urc::ServiceLost),
            ("+CGEV: ME PDN DEACT 1", Urc::NetworkLost),
            ("+CGEV: NW DETACH", Urc::NetworkLost),
            ("+CFTPS: RECV EVENT", Urc::Received),
            (
                "+CFTPSERRORBUF: \"550 no\"",
                Urc::ServerText("550 no".into()),
            ),
        ] {
            assert_eq!(Urc::parse(line), urc, "{line}");
        }
    }

    #[test]
    fn others_do_not() {
        for line in [
            "RING",
            "SMS DONE",
            "+CMTI: \"SM\",4",
            "+CGEV: ME PDN DEACT 8",
            "+CREG: 1",
        ] {
            assert_eq!(Urc::parse(line), Urc::Other(line.into()), "{line}");
        }
    }
}
