//! What TLS must prove: the module is told before it logs in, or nobody logs in.
//!
//! More than 400 lines: each test is one fault that was seen, or a rule, and they share the helpers of this
//! file.

use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;

use crate::link::{HOST, Link, path, server};
use crate::{both, get};
use simcom_emulator::request::{ClientCertificate, Security, TlsVersions};
use simcom_emulator::uplink::memory::Server as Peer;
use simcom_emulator::{Effect, Family, Fault, Knobs, OkOrder, Phase, Prompt, Trigger};
use simcom_talk::dialogue::failure::{Cause, Stage};
use simcom_talk::dialogue::operation::{Directory, Output, SessionTarget, Standing, Task};
use simcom_talk::dialogue::{Failure, Operation};
use simcom_talk::ftps::ErrCode;
use simcom_talk::ftps::tls::{CaCertificate, ClientIdentity, ServerProof, TlsFloor, TlsPolicy};
use simcom_talk::ftps::value::{Server, ServerType, TransferType};

/// The port of a server with implicit TLS, in addition to the plain one.
const PORT: u16 = 990;

fn certificate() -> CaCertificate {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    CaCertificate::from_pem(made.cert.pem().as_bytes(), |_| Ok(())).unwrap()
}

fn link(family: Family, knobs: Knobs, ca: &CaCertificate) -> Link {
    let mut link = Link::new(family, knobs);
    for port in [PORT, PORT + 1] {
        let mut peer = Peer::with_user("user", "pass");
        peer.security = Security::Implicit;
        peer.ca = Some(Bytes::clone(ca.pem()));
        peer.files.insert(b"/f".to_vec(), b"content".to_vec());
        link.network.insert(HOST, port, peer);
    }
    link
}

fn required(ca: &CaCertificate) -> TlsPolicy {
    TlsPolicy {
        verify: ServerProof::Required(ca.clone()),
        floor: TlsFloor::Tls12,
        sni: true,
        identity: None,
    }
}

fn secured(port: u16, tls: TlsPolicy) -> Operation {
    let server = Server {
        port: NonZeroU16::new(port).unwrap(),
        server_type: ServerType::Implicit,
        tls,
        ..(*server(HOST)).clone()
    };
    Operation {
        standing: Standing::LoggedIn(SessionTarget {
            server: Arc::new(server),
            transfer_type: TransferType::Binary,
            directory: Directory::Any,
        }),
        task: get("/f"),
    }
}

fn read(link: &mut Link, tls: TlsPolicy) -> Result<Vec<u8>, Failure> {
    let got = link.run(secured(PORT, tls), vec![]);
    got.result.map(|_| got.content)
}

/// How often this was sent to the module.
fn said(link: &mut Link, what: &str) -> usize {
    let text = String::from_utf8_lossy(&link.written).into_owned();
    text.matches(what).count()
}

fn logins(link: &mut Link) -> usize {
    let seen = link.network.take_seen();
    seen.iter().filter(|seen| seen.starts_with("LOGIN")).count()
}

/// Whether the last login verified the control connection and the data connection.
fn is_verified(link: &Link) -> bool {
    let login = link.network.last_login().unwrap();
    [&login.control_tls, &login.data_tls]
        .iter()
        .all(|tls| tls.verify_server && tls.versions == TlsVersions::Tls12)
}

#[test]
fn both_connections_are_verified_and_the_certificate_is_loaded_once() {
    for family in both() {
        let ca = certificate();
        let mut link = link(family, Knobs::default(), &ca);
        assert_eq!(read(&mut link, required(&ca)), Ok(b"content".to_vec()));
        assert!(is_verified(&link), "{family:?}");
        assert!(link.network.last_login().unwrap().control_tls.sni);
        assert_eq!(said(&mut link, "AT+CCERTDOWN"), 1);
        let settings = said(&mut link, "SSLCFG");

        // Nothing is sent again as long as nothing else is needed.
        assert_eq!(read(&mut link, required(&ca)), Ok(b"content".to_vec()));
        let neighbour = link.run(secured(PORT + 1, required(&ca)), vec![]);
        assert_eq!(neighbour.content, b"content");
        assert_eq!(said(&mut link, "SSLCFG"), settings);

        // Settings are lost with power, files are not.
        link.module.power_cycle(link.now);
        assert_eq!(read(&mut link, required(&ca)), Ok(b"content".to_vec()));
        assert!(is_verified(&link), "{family:?}");
        assert_eq!(said(&mut link, "SSLCFG"), 2 * settings);
        assert_eq!(said(&mut link, "AT+CCERTDOWN"), 1);
    }
}

fn mutual(ca: &CaCertificate) -> TlsPolicy {
    let made = rcgen::generate_simple_self_signed(["logger".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity =
        ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes(), |_, _| Ok(())).unwrap();
    TlsPolicy {
        identity: Some(identity),
        ..required(ca)
    }
}

/// The certificate and the key of the module's own.
fn own(policy: &TlsPolicy) -> (Bytes, Bytes) {
    let own = policy.identity.as_ref().unwrap();
    let (certificate, key) = (own.certificate().content(), own.key().content());
    (certificate.clone(), key.clone())
}

/// What both connections of the last login show of the module. `None` where they differ or show nothing.
fn shown(link: &Link) -> Option<(Bytes, Bytes)> {
    let login = link.network.last_login().unwrap();
    let [control, data] = [&login.control_tls, &login.data_tls].map(|tls| {
        let own = tls.identity.as_ref()?;
        Some((own.chain.clone(), own.key.clone()))
    });
    if control == data { control } else { None }
}

#[test]
fn the_module_shows_its_own_certificate_to_the_server_that_the_profile_names_it_for() {
    for family in both() {
        let ca = certificate();
        let mut link = link(family, Knobs::default(), &ca);
        let policy = mutual(&ca);
        let own = own(&policy);
        for _ in 0..2 {
            assert_eq!(read(&mut link, policy.clone()), Ok(b"content".to_vec()));
            assert!(is_verified(&link), "{family:?}");
            assert_eq!(shown(&link), Some(own.clone()), "{family:?}");
            // Another server does not get the module's certificate.
            read(&mut link, required(&ca)).unwrap();
            assert_eq!(shown(&link), None, "{family:?}");
            // A server that need not prove itself can still ask.
            let unseen = TlsPolicy {
                verify: ServerProof::None,
                ..policy.clone()
            };
            read(&mut link, unseen).unwrap();
            assert_eq!(shown(&link), Some(own.clone()), "{family:?}");
            link.module.power_cycle(link.now);
        }
        // Files outlive a power-up.
        assert_eq!(said(&mut link, "AT+CCERTDOWN"), 3, "{family:?}");
    }
}

#[test]
fn a_key_that_was_spoilt_on_the_way_is_loaded_anew() {
    for family in both() {
        for nth in 1..=3 {
            for effect in [Effect::Lose(1), Effect::Duplicate(3), Effect::Garbage(2)] {
                let ca = certificate();
                let mut link = link(family, Knobs::default(), &ca);
                link.module.arm(Fault {
                    trigger: Trigger::Command {
                        command: "+CCERTDOWN".into(),
                        nth,
                        phase: Phase::InData(100),
                    },
                    effect: effect.clone(),
                });
                let what = format!("{family:?} {nth} {effect:?}");
                let policy = mutual(&ca);
                let own = own(&policy);
                let peer = link.network.server_mut(HOST, PORT).unwrap();
                peer.client = Some(ClientCertificate {
                    chain: own.0.clone(),
                    key: own.1.clone(),
                });
                // A server refuses a certificate that changed on the way. The module refuses one that was cut.
                let first = read(&mut link, policy.clone());
                let again = read(&mut link, policy.clone());
                assert_eq!(again, Ok(b"content".to_vec()), "{what}, after {first:?}");
                assert_eq!(shown(&link), Some(own), "{what}");
            }
        }
    }
}

#[test]
fn another_policy_is_another_login() {
    for family in both() {
        let ca = certificate();
        let mut link = link(family, Knobs::default(), &ca);
        for _ in 0..2 {
            read(&mut link, required(&ca)).unwrap();
            assert!(is_verified(&link), "{family:?}");
            read(&mut link, TlsPolicy::unverified()).unwrap();
            let login = link.network.last_login().unwrap();
            assert!(!login.control_tls.verify_server && !login.data_tls.verify_server);
            assert!(!login.control_tls.sni);
        }
        assert_eq!(logins(&mut link), 4);
    }
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_not_logged_in_to() {
    for family in both() {
        let mut link = link(family, Knobs::default(), &certificate());
        let other = certificate();
        for tries in [2, 1] {
            let failure = read(&mut link, required(&other)).unwrap_err();
            assert_eq!(failure.cause, Cause::Reported(ErrCode::SSL_ALERT));
            assert_eq!(failure.stage, Stage::Tls);
            // The first time, the certificate on the module was doubted.
            assert_eq!(logins(&mut link), tries, "{family:?}");
        }
    }
}

#[test]
fn a_module_that_does_not_take_what_is_asked_is_not_used() {
    for (family, refused) in [
        (Family::Sim7600, "+CSSLCFG"),
        (Family::Sim7600, "+CCERTDOWN"),
        (Family::A7670, "+CSSLCFG"),
        (Family::A7670, "+CFTPSSLCFG"),
    ] {
        let knobs = Knobs {
            refuse: vec![refused.into()],
            ..Knobs::default()
        };
        let ca = certificate();
        let mut link = link(family, knobs, &ca);
        let failure = read(&mut link, required(&ca)).unwrap_err();
        assert_eq!(failure.cause, Cause::Refused(None), "{refused}");
        assert_eq!(failure.stage, Stage::Tls, "{refused}");
        assert!(
            failure
                .command
                .unwrap()
                .as_str()
                .starts_with(&format!("AT{refused}"))
        );
        assert_eq!(logins(&mut link), 0, "{refused}");
        // A login that requires nothing loses nothing.
        read(&mut link, TlsPolicy::unverified()).unwrap();
        // Neither does a server without TLS.
        link.run(crate::on(Task::WorkingDirectory), vec![])
            .result
            .unwrap();
    }
}

#[test]
fn a_certificate_that_was_spoilt_on_the_way_is_loaded_anew() {
    for family in both() {
        for effect in [Effect::Lose(1), Effect::Duplicate(3), Effect::Garbage(2)] {
            for at in [1, 300] {
                let ca = certificate();
                let mut link = link(family, Knobs::default(), &ca);
                link.module.arm(Fault {
                    trigger: Trigger::Command {
                        command: "+CCERTDOWN".into(),
                        nth: 1,
                        phase: Phase::InData(at),
                    },
                    effect: effect.clone(),
                });
                let what = format!("{family:?} {effect:?} {at}");
                let first = read(&mut link, required(&ca));
                let again = read(&mut link, required(&ca));
                assert_eq!(again, Ok(b"content".to_vec()), "{what}, after {first:?}");
                assert!(is_verified(&link), "{what}");
            }
        }
    }
}

#[test]
fn every_fault_on_the_way_ends_in_a_verified_login_or_an_honest_error() {
    let mut cases = 0;
    let effects = [
        Effect::Silence,
        Effect::Reboot,
        Effect::Hangup,
        Effect::Lose(1),
        Effect::Lose(40),
        Effect::Duplicate(9),
        Effect::Garbage(5),
        Effect::Text("\r\n+CMTI: \"SM\",4\r\n".into()),
        Effect::Text("\r\nRING\r\n".into()),
        Effect::Text("\r\nERROR\r\n".into()),
    ];
    for family in both() {
        for command in ["+CCERTLIST", "+CCERTDOWN", "+CSSLCFG", "+CFTPSSLCFG"] {
            for nth in [1, 2, 5] {
                for phase in [Phase::BeforeOk, Phase::AtPrompt, Phase::AfterData] {
                    for effect in &effects {
                        cases += 1;
                        let ca = certificate();
                        let mut link = link(family, Knobs::default(), &ca)
                            .with_script(|link, _| link.plugged = true);
                        link.module.arm(Fault {
                            trigger: Trigger::Command {
                                command: command.into(),
                                nth,
                                phase,
                            },
                            effect: effect.clone(),
                        });
                        let what = format!("{family:?} {command} {nth} {phase:?} {effect:?}");
                        let first = read(&mut link, required(&ca));
                        if first.is_ok() || logins(&mut link) > 0 {
                            assert!(is_verified(&link), "{what}: {first:?}");
                        }
                        if matches!(effect, Effect::Silence) {
                            link.module.power_cycle(link.now);
                        }
                        // The next operation works, or the one after it where the fault waited for the next.
                        let mut again = read(&mut link, required(&ca));
                        if again.is_err() {
                            link.module.power_cycle(link.now);
                            again = read(&mut link, required(&ca));
                        }
                        assert_eq!(again, Ok(b"content".to_vec()), "{what}, after {first:?}");
                        assert!(is_verified(&link), "{what}");
                    }
                }
            }
        }
    }
    println!("{cases} cases");
}

#[test]
fn every_form_of_answer_is_understood() {
    let mut cases = 0;
    for family in both() {
        for bits in 0..32u32 {
            let bit = |at: u32| bits >> at & 1 == 1;
            for prompt in [Prompt::Sign, Prompt::SignBlank, Prompt::SignLine] {
                for cut in [1, 7, 4096] {
                    cases += 1;
                    let knobs = Knobs {
                        prompt,
                        space_after_colon: bit(0),
                        echo_data: bit(1),
                        ok_order: if bit(2) {
                            OkOrder::ResultFirst
                        } else {
                            OkOrder::Documented
                        },
                        ..Knobs::default()
                    };
                    let ca = certificate();
                    let mut link = link(family, knobs, &ca);
                    link.cut = cut;
                    let mut step = 0;
                    if bit(3) {
                        link = link.with_script(move |link, _| {
                            step += 1;
                            if step % (5 + 60 / cut) == 0 {
                                link.module.inject_urc(link.now, "+CMTI: \"SM\",4");
                            }
                        });
                    }
                    link.run(crate::on(Task::Size(path("/x"))), vec![])
                        .result
                        .unwrap_err();
                    if bit(4) {
                        link.switch_echo_on();
                    }
                    let what = format!("{family:?} {bits:05b} {prompt:?} {cut}");
                    let got = link.run(secured(PORT, required(&ca)), vec![]);
                    assert!(
                        matches!(got.result, Ok(Output::Delivered(_))),
                        "{what}: {got:?}"
                    );
                    assert!(is_verified(&link), "{what}");
                    assert_eq!(said(&mut link, "AT+CCERTDOWN"), 1, "{what}");
                }
            }
        }
    }
    println!("{cases} cases");
}
