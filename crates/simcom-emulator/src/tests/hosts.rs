//! What host programs ask a module first, and how it answers.

use std::time::Duration;

use super::{Bench, quiet, transcript};
use crate::{Effect, Family, Knobs};

#[test]
fn what_programs_ask_first_is_answered() {
    let mut bench = Bench::quiet(Family::A7670);
    let identity = "\r\nManufacturer: INCORPORATED\r\nModel: A7670E-FASE\r\nRevision: A7670M7_V1.11.1\r\nIMEI: ";
    let answer = bench.command("AT+SIMCOMATI");
    assert!(answer.starts_with(identity), "{answer}");
    assert!(
        answer.ends_with("\r\n\r\nOK\r\n") && !answer.contains("GCAP"),
        "{answer}"
    );
    transcript(
        &mut bench,
        &[
            ("AT+GCAP", "\r\n+GCAP: +CGSM\r\n\r\nOK\r\n"),
            ("AT+GMM", "\r\nA7670E-FASE\r\n\r\nOK\r\n"),
            ("AT+CICCID", "\r\n+ICCID: 8901010000000000000\r\n\r\nOK\r\n"),
            (
                "AT+CRSM=176,12258,0,0,10",
                "\r\n+CRSM: 144,0,\"981010000000000000F0\"\r\n\r\nOK\r\n",
            ),
            (
                "AT+CRSM=176,28486,0,0,17",
                "\r\n+CRSM: 106,130,\"\"\r\n\r\nOK\r\n",
            ),
            ("AT+CIMI", "\r\n001010123456789\r\n\r\nOK\r\n"),
            (
                "AT+CPSI?",
                "\r\n+CPSI: LTE,Online,001-01,0x0001,1,1,EUTRAN-BAND3,1650,5,5,-100,-900,-600,15\r\n\r\nOK\r\n",
            ),
            ("AT+CREG=2", "\r\nOK\r\n"),
            (
                "AT+CREG?",
                "\r\n+CREG: 2,1,\"0001\",\"00000001\"\r\n\r\nOK\r\n",
            ),
            ("AT+COPS=3,2", "\r\nOK\r\n"),
            ("AT+COPS?", "\r\n+COPS: 0,2,\"00101\",7\r\n\r\nOK\r\n"),
            (
                "AT+CPMS?",
                "\r\n+CPMS: \"SM\",0,50,\"SM\",0,50,\"SM\",0,50\r\n\r\nOK\r\n",
            ),
            ("AT+CMGF=1", "\r\nOK\r\n"),
            ("AT+CMGR=1", "\r\n+CMS ERROR: invalid memory index\r\n"),
            ("ATQ0 V1 E0 S0=0 &C1 &D2", "\r\nOK\r\n"),
            ("ATD*99#", "\r\nNO CARRIER\r\n"),
        ],
    );
}

#[test]
fn the_tcp_stack_is_opened_once_has_an_address_and_goes_with_the_radio() {
    let mut bench = Bench::quiet(Family::Sim7600);
    transcript(
        &mut bench,
        &[
            (
                "AT+IPADDR",
                "\r\n+IP ERROR: Network not opened\r\n\r\nERROR\r\n",
            ),
            ("AT+NETOPEN?", "\r\n+NETOPEN: 0\r\n\r\nOK\r\n"),
            ("AT+NETOPEN", "\r\nOK\r\n\r\n+NETOPEN: 0\r\n"),
            (
                "AT+NETOPEN",
                "\r\n+IP ERROR: Network is already opened\r\n\r\nERROR\r\n",
            ),
            ("AT+NETOPEN?", "\r\n+NETOPEN: 1\r\n\r\nOK\r\n"),
            ("AT+IPADDR", "\r\n+IPADDR: 100.64.0.2\r\n\r\nOK\r\n"),
            ("AT+NETCLOSE", "\r\nOK\r\n\r\n+NETCLOSE: 0\r\n"),
            ("AT+NETCLOSE", "\r\n+NETCLOSE: 2\r\n\r\nERROR\r\n"),
            ("AT+NETOPEN", "\r\nOK\r\n\r\n+NETOPEN: 0\r\n"),
            ("AT+CFUN=4", "\r\n+CGEV: ME PDN DEACT 1\r\n\r\nOK\r\n"),
            ("AT+NETOPEN", "\r\nOK\r\n\r\n+NETOPEN: 1\r\n"),
            (
                "AT+IPADDR",
                "\r\n+IP ERROR: Network not opened\r\n\r\nERROR\r\n",
            ),
        ],
    );
}

#[test]
fn without_the_radio_the_sim_fails_and_nothing_is_received() {
    let mut bench = Bench::quiet(Family::Sim7600);
    transcript(
        &mut bench,
        &[
            (
                "AT+CFUN=0",
                "\r\n+CGEV: ME PDN DEACT 1\r\n\r\n+SIMCARD: NOT AVAILABLE\r\n\r\nOK\r\n",
            ),
            ("AT+CPIN?", "\r\n+CME ERROR: SIM failure\r\n"),
            ("AT+CICCID", "\r\n+CME ERROR: SIM failure\r\n"),
            ("AT+CSQ", "\r\n+CSQ: 99,99\r\n\r\nOK\r\n"),
            ("AT+CREG?", "\r\n+CREG: 0,0\r\n\r\nOK\r\n"),
            ("AT+COPS?", "\r\n+COPS: 0\r\n\r\nOK\r\n"),
            (
                "AT+CPSI?",
                "\r\n+CPSI: NO SERVICE,Low Power Mode\r\n\r\nOK\r\n",
            ),
            (
                "AT+CFUN=1",
                "\r\nOK\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n",
            ),
            ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
            ("AT+CFUN=4", "\r\n+CGEV: ME PDN DEACT 1\r\n\r\nOK\r\n"),
            ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
        ],
    );
}

#[test]
fn a_sim_is_busy_until_it_has_been_read_and_can_lose_contact() {
    let knobs = Knobs {
        sim_time: Duration::from_secs(3),
        boot_time: Duration::from_secs(1),
        ..quiet()
    };
    let mut bench = Bench::new(Family::Sim7600, knobs);
    bench.emulator.inject(bench.now, Effect::Reboot);
    bench.wait(Duration::from_millis(1500));
    assert_eq!(bench.command("AT+CPIN?"), "\r\n+CME ERROR: SIM busy\r\n");
    bench.wait(Duration::from_secs(3));
    assert_eq!(bench.command("AT+CPIN?"), "\r\n+CPIN: READY\r\n\r\nOK\r\n");
    bench.emulator.inject(bench.now, Effect::SimRemoved);
    bench.wait(Duration::from_secs(1));
    assert_eq!(
        bench.command("AT+CPIN?"),
        "\r\n+CME ERROR: SIM not inserted\r\n"
    );
    let login = bench.command(super::LOGIN);
    assert_eq!(login, "\r\n+CME ERROR: SIM not inserted\r\n");
}

#[test]
fn a_drive_that_does_not_tell_its_room_can_be_entered() {
    let knobs = Knobs {
        memory_refused: "D".into(),
        ..quiet()
    };
    let mut bench = Bench::new(Family::Sim7600, knobs);
    transcript(
        &mut bench,
        &[
            ("AT+FSCD=d:/", "\r\n+FSCD: D:/\r\n\r\nOK\r\n"),
            ("AT+FSMEM", "\r\nERROR\r\n"),
            ("AT+FSCD=c:/", "\r\n+FSCD: C:/\r\n\r\nOK\r\n"),
        ],
    );
    assert!(bench.command("AT+FSMEM").starts_with("\r\n+FSMEM: C:("));
}
