//! Findings about the module.

use super::*;
use simcom_talk::dialogue::failure::Failure;
use simcom_talk::dialogue::operation::Answer;

fn answers(said: &[(&str, &str)]) -> Answers {
    let answer = |(line, info): &(&str, &str)| Answer {
        line: (*line).into(),
        info: vec![(*info).into()],
        result: "OK".into(),
    };
    Answers::new(said.iter().map(answer).collect())
}

fn told(tell: impl FnOnce(&mut Report)) -> String {
    let mut report = Report::new("x");
    tell(&mut report);
    report.to_string()
}

#[test]
fn what_is_said_of_the_sim_is_what_the_module_said() {
    let fault = |cause| Health {
        link: LinkState::Fault(Error::NotReady(Failure::new(
            cause,
            Some("AT+CPIN".into()),
            Stage::Sim,
        ))),
        ..Health::default()
    };
    let none = Answers::default();
    let missing = told(|report| sim(report, &fault(Cause::SimMissing), &none));
    assert!(
        missing.contains("PROBLEM") && missing.contains("no SIM"),
        "{missing}"
    );
    let locked = told(|report| sim(report, &fault(Cause::SimLocked), &none));
    assert!(locked.contains("never enters one"), "{locked}");
    let failure = Cause::Refused(Some(simcom_talk::at::ErrorCode::Text("SIM failure".into())));
    let failed = told(|report| sim(report, &fault(failure), &none));
    assert!(
        failed.contains("SIM failure") && !failed.contains("no SIM"),
        "{failed}"
    );
}

#[test]
fn every_state_of_registration_has_its_words() {
    for (stat, words) in [
        ("1", "at home"),
        ("5", "roaming"),
        ("2", "searches"),
        ("3", "denied"),
        ("0", "does not search"),
    ] {
        let said = answers(&[("AT+CREG?", &format!("+CREG: 0,{stat}"))]);
        let text = told(|report| network(report, &Health::default(), &said));
        assert!(text.contains(words), "{stat}: {text}");
    }
}

#[test]
fn a_clock_that_is_wrong_is_a_warning() {
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_867_200);
    let at = |text: &str| {
        let said = answers(&[("AT+CCLK?", &format!("+CCLK: \"{text}\""))]);
        told(|report| clock(report, &said, noon))
    };
    assert!(at("26/11/28,12:00:20+00").contains("ok       clock"));
    assert!(at("26/11/28,13:00:00+00").contains("3600 s apart"));
    assert!(at("80/01/06,00:00:00+00").contains("never set"));
}

#[test]
fn a_radio_that_was_off_is_told_though_it_is_on_now() {
    let mut heard = Heard::default();
    heard.write(b"AT+CFUN?\r");
    heard.read(b"\r\n+CFUN: 0\r\n\r\nOK\r\n");
    let said = answers(&[("AT+CFUN?", "+CFUN: 1")]);
    let text = told(|report| radio(report, &heard, &said));
    assert!(text.contains("was switched off"), "{text}");
    let text = told(|report| radio(report, &Heard::default(), &said));
    assert!(text.contains("ok       radio"), "{text}");
}
