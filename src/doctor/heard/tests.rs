//! What the doctor learns from the line.

use super::*;

fn heard(talk: &[(&str, &str)]) -> Heard {
    let mut heard = Heard::default();
    for (said, answer) in talk {
        heard.write(said.as_bytes());
        // In pieces of any size.
        for byte in answer.as_bytes() {
            heard.read(&[*byte]);
        }
    }
    heard
}

const RMC: &str = "$GNRMC,,V,,,,,,,,,,N,V*37\r\n";

#[test]
fn echo_and_the_form_of_answers_are_seen() {
    let heard = heard(&[("AT\r", "AT\r\r\nOK\r\n"), ("ATE0\r", "0\r")]);
    let [first, second] = heard.exchanges.as_slice() else {
        panic!("{heard:?}");
    };
    assert!(first.echoed && first.end == Some(End::Ok), "{first:?}");
    assert!(
        !second.echoed && second.end == Some(End::Number),
        "{second:?}"
    );
}

#[test]
fn sentences_are_counted_before_and_after_the_module_was_told() {
    let told = [
        ("AT\r", format!("{RMC}\r\nOK\r\n{RMC}")),
        ("AT+CGNSSTST=0\r", "\r\nOK\r\n".into()),
        ("AT+CGNSSPORTSWITCH=0,0\r", "\r\nERROR\r\n".into()),
        ("AT+CGPSINFOCFG=0\r", format!("{RMC}\r\nERROR\r\n")),
    ];
    let heard = heard(
        &told
            .each_ref()
            .map(|(said, answer)| (*said, answer.as_str())),
    );
    assert_eq!(heard.sentences.get("$GNRMC"), Some(&3));
    assert!(heard.since_told.is_empty());
    assert_eq!(heard.hushed_by(), ["AT+CGNSSTST"]);
}

#[test]
fn unsolicited_lines_are_named_and_what_they_say_is_not_kept() {
    let heard = heard(&[
        (
            "AT+CPIN?\r",
            "\r\n+CMTI: \"SM\",4\r\n\r\n+CPIN: READY\r\n\r\nOK\r\n",
        ),
        (
            "AT+CSQ\r",
            "\r\n+CSQ: 20,99\r\n\r\nOK\r\n+CLIP: \"+4915112345678\",145\r\n",
        ),
    ]);
    let names: Vec<&str> = heard.unsolicited.keys().map(String::as_str).collect();
    assert_eq!(names, ["+CLIP", "+CMTI"]);
    assert!(!format!("{heard:?}").contains("49151"), "{heard:?}");
}

#[test]
fn no_password_and_no_content_is_kept() {
    let heard = heard(&[
        (
            "AT+CFTPSLOGIN=\"host\",21,\"user\",\"hunter2\",0\r",
            "\r\nOK\r\n\r\n+CFTPSLOGIN: 0\r\n",
        ),
        ("ATMIIEkey\nATMIIEkey\n", ""),
        (
            "AT+CFTPSGET=\"/f\"\r",
            "\r\nOK\r\n\r\n+CMTI: of a file\r\nhunter2\r\n",
        ),
    ]);
    assert!(!format!("{heard:?}").contains("hunter2"), "{heard:?}");
    assert!(!format!("{heard:?}").contains("MII"), "{heard:?}");
    let names: Vec<_> = heard
        .exchanges
        .iter()
        .map(|said| said.name.as_str())
        .collect();
    assert_eq!(names, ["AT+CFTPSLOGIN", "AT+CFTPSGET"]);
}

#[test]
fn a_result_behind_the_ok_belongs_to_its_command() {
    for answer in [
        "\r\nOK\r\n\r\n+CFTPSSIZE: 300\r\n",
        "\r\n+CFTPSSIZE: 300\r\n\r\nOK\r\n",
    ] {
        let heard = heard(&[("AT+CFTPSSIZE=\"/f\"\r", answer)]);
        let said = &heard.exchanges[0];
        assert_eq!(said.answer, ["+CFTPSSIZE: 300"]);
        assert_eq!(said.end, Some(End::Ok));
    }
}

#[test]
fn bytes_that_no_line_has_are_counted() {
    let heard = heard(&[("AT\r", "x\u{80}\u{81}\r\n\u{1}\u{2}\r\n")]);
    assert_eq!((heard.lines, heard.garbled), (2, 2));
}
