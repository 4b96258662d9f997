//! Findings about the port.

use std::sync::Arc;

use super::*;
use simcom_talk::dialogue::failure::Awaited;

fn heard(lines: &str) -> Heard {
    let mut heard = Heard::default();
    heard.write(b"AT\r");
    heard.read(lines.as_bytes());
    heard
}

fn looked(link: &LinkState, heard: &Heard) -> String {
    let mut report = Report::new("/dev/x");
    let serves = look(&mut report, &Module::default(), None, link, heard);
    assert_eq!(serves, matches!(link, LinkState::Ready));
    report.to_string()
}

#[test]
fn a_port_that_answers_nothing_is_told_from_the_port_of_the_receiver_and_from_a_wrong_rate() {
    let cause = Cause::Timeout(Awaited::FinalCode);
    let silent = LinkState::Fault(Error::NotReady(Failure::new(
        cause,
        Some("AT".into()),
        Stage::Device,
    )));
    let dead = looked(&silent, &Heard::default());
    assert!(dead.contains("not a byte comes out"), "{dead}");
    let nmea = looked(&silent, &heard("$GNRMC,,V,,,,,,,,,,N,V*37\r\n"));
    assert!(
        nmea.contains("$GNRMC (1 times)") && nmea.contains("this is the GNSS"),
        "{nmea}"
    );
    let wrong = looked(&silent, &heard("\u{fffd}\u{fffd}\r\n\u{1}x\r\n"));
    assert!(wrong.contains("that no module prints"), "{wrong}");
    let other = looked(&silent, &heard("login:\r\n"));
    assert!(other.contains("none of them answers"), "{other}");
}

#[test]
fn whoever_holds_the_port_is_named_with_what_to_do() {
    let held = |holder: Option<&str>| {
        looked(
            &LinkState::Absent(Error::PortHeld {
                device: "/dev/x".into(),
                holder: holder.map(str::to_owned),
            }),
            &Heard::default(),
        )
    };
    let daemon = held(Some("cellftpd (pid 7, unit cellftpd.service)"));
    assert!(
        daemon.contains("pid 7") && daemon.contains("cellftp status"),
        "{daemon}"
    );
    let unseen = held(None);
    assert!(unseen.contains("sudo fuser -v"), "{unseen}");
}

#[test]
fn a_port_that_may_not_be_opened_and_one_that_is_not_there() {
    let denied = Error::Io(Arc::new(io::ErrorKind::PermissionDenied.into()));
    let denied = looked(&LinkState::Absent(denied), &Heard::default());
    assert!(
        denied.contains("may not open") && denied.contains("sudo -u cellftpd"),
        "{denied}"
    );
    let absent = Error::DeviceAbsent {
        device: "/dev/x".into(),
        source: Arc::new(io::ErrorKind::NotFound.into()),
    };
    let absent = looked(&LinkState::Absent(absent), &Heard::default());
    assert!(absent.contains("There is no device"), "{absent}");
}

#[test]
fn sentences_that_go_on_are_told_from_those_that_were_switched_off() {
    const RMC: &str = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n";
    let told = |answer: &str, after: &str| {
        let mut heard = heard(&format!("OK\r\n{RMC}"));
        for command in [
            "AT+CGNSSTST=0\r",
            "AT+CGNSSPORTSWITCH=0,0\r",
            "AT+CGPSINFOCFG=0\r",
        ] {
            heard.write(command.as_bytes());
            heard.read(answer.as_bytes());
        }
        heard.read(after.as_bytes());
        let mut report = Report::new("/dev/x");
        unasked(&mut report, &heard);
        report.to_string()
    };
    let off = told("OK\r\n", "");
    assert!(
        off.contains("None came any more after AT+CGNSSTST and"),
        "{off}"
    );
    for on in [told("OK\r\n", RMC), told("ERROR\r\n", RMC)] {
        assert!(
            on.contains("$GNRMC (1 times)") && on.contains("could not be switched off"),
            "{on}"
        );
    }
}
