//! Virtual sessions.

use super::*;
use simcom_talk::ftps::value::{Password, Server, TransferType};

fn request(directory: Option<&str>) -> SessionRequest {
    SessionRequest {
        server: ServerChoice::Profile("a".into()),
        directory: directory.map(path),
        transfer_type: TransferType::Binary,
        lease: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_reads_paths_from_its_own_directory() {
    let (broker, module) = broker(Module::new());
    let me = caller("me");
    let one = broker.open_session(&me, request(None)).await.unwrap();
    let two = broker.open_session(&me, request(Some("/x"))).await.unwrap();
    assert_eq!(
        (one.directory.as_str(), two.directory.as_str()),
        ("/home", "/x")
    );
    assert_eq!(
        broker
            .change_directory(&me, &one.id, &path("y"))
            .await
            .unwrap(),
        "/home/y"
    );
    assert_eq!(broker.working_directory(&me, &two.id).unwrap(), "/x");
    for (session, full) in [(&one, "/home/y/f"), (&two, "/x/f")] {
        let target = Target::Session(session.id.clone());
        broker
            .make_directory(&me, &target, &path("f"))
            .await
            .unwrap();
        let (standing, task) = module.log().pop().unwrap();
        assert!(matches!(task, Task::MakeDirectory(made) if made == path(full)));
        assert!(matches!(
            standing,
            Standing::LoggedIn(SessionTarget {
                directory: Directory::Any,
                ..
            })
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_refused_leaves_the_session_where_it_was() {
    let (broker, _) = broker(Module::new());
    let me = caller("me");
    let session = broker.open_session(&me, request(None)).await.unwrap();
    assert!(
        broker
            .change_directory(&me, &session.id, &path("missing"))
            .await
            .is_err()
    );
    assert_eq!(broker.working_directory(&me, &session.id).unwrap(), "/home");
    assert!(
        broker
            .open_session(&me, request(Some("missing")))
            .await
            .is_err()
    );
    assert_eq!(broker.status().sessions, 1);
}

#[tokio::test(start_paused = true)]
async fn the_transfer_type_is_the_sessions_own() {
    let (broker, module) = broker(Module::new());
    let me = caller("me");
    let session = broker.open_session(&me, request(None)).await.unwrap();
    broker
        .set_transfer_type(&me, &session.id, TransferType::Ascii)
        .unwrap();
    assert_eq!(
        broker.transfer_type(&me, &session.id).unwrap(),
        TransferType::Ascii
    );
    let target = Target::Session(session.id);
    let header = PutHeader {
        target,
        ..header("f")
    };
    let result = put(&broker, header, b"abc").await.unwrap();
    assert_eq!(
        result.state,
        PutState::Unverified,
        "sizes do not compare in ASCII"
    );
    let (standing, _) = module.log().pop().unwrap();
    assert!(matches!(
        standing,
        Standing::LoggedIn(SessionTarget {
            transfer_type: TransferType::Ascii,
            ..
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_its_principals_own_and_ends() {
    let (broker, _) = broker(Module::new());
    let me = caller("me");
    let session = broker.open_session(&me, request(None)).await.unwrap();
    let target = Target::Session(session.id.clone());
    let error = broker
        .size(&caller("you"), &target, &path("f"))
        .await
        .unwrap_err();
    assert!(matches!(error.cause, Cause::SessionNotFound));
    sleep(session.lease).await;
    let error = broker.size(&me, &target, &path("f")).await.unwrap_err();
    assert!(matches!(error.cause, Cause::SessionNotFound));
    assert_eq!(broker.status().sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn a_long_operation_keeps_its_session() {
    let (broker, _) = broker(Module::new().file("/home/f", content(1_000_000)));
    let me = caller("me");
    let lease = Some(SECOND);
    let session = broker
        .open_session(
            &me,
            SessionRequest {
                lease,
                ..request(None)
            },
        )
        .await
        .unwrap();
    let target = Target::Session(session.id.clone());
    let mut reading = broker
        .get(&me, &target, &path("f"), Offset::ZERO)
        .await
        .unwrap();
    while !matches!(reading.next().await.unwrap(), Next::End(_)) {}
    broker.close_session(&me, &session.id).unwrap();
}

#[tokio::test(start_paused = true)]
async fn unknown_servers_are_refused() {
    let (broker, module) = broker(Module::new());
    let me = caller("me");
    let unknown = Target::Profile("x".into());
    let error = broker.size(&me, &unknown, &path("f")).await.unwrap_err();
    assert!(matches!(error.cause, Cause::ProfileNotFound(name) if name == "x"));
    let inline = Target::Inline(server("x"), NameCode::default());
    let error = broker.size(&me, &inline, &path("f")).await.unwrap_err();
    assert!(matches!(error.cause, Cause::InlineNotAllowed));
    assert!(module.log().is_empty());
}

/// The servers `a` at a host with a password.
fn servers(profiles: &[(&str, &str, &str)]) -> Servers {
    let profiles = profiles.iter().map(|(name, host, password)| {
        let server = Server {
            password: Password::new(*password).unwrap(),
            ..(*server(host)).clone()
        };
        ((*name).to_owned(), server)
    });
    Servers::new(profiles, false)
}

#[tokio::test(start_paused = true)]
async fn a_session_follows_its_profile_and_is_closed_where_that_leads_elsewhere() {
    let (broker, module) = broker(Module::new());
    let reload = |profiles| broker.reload(servers(profiles), Limits::default());
    reload(&[("a", "h", "old")]);
    let me = caller("me");
    let session = broker.open_session(&me, request(None)).await.unwrap();
    let target = Target::Session(session.id.clone());
    let make = async || broker.make_directory(&me, &target, &path("d")).await;

    reload(&[("a", "h", "new")]);
    make().await.unwrap();
    let (standing, _) = module.log().pop().unwrap();
    let Standing::LoggedIn(SessionTarget { server, .. }) = standing else {
        panic!("{standing:?}");
    };
    assert_eq!(server.password.expose(), "new");

    reload(&[]);
    let refused = make().await.unwrap_err().cause;
    assert!(matches!(refused, Cause::ProfileNotFound(name) if name == "a"));
    reload(&[("a", "h", "new")]);
    make().await.unwrap();

    reload(&[("a", "elsewhere", "new")]);
    let refused = make().await.unwrap_err().cause;
    assert!(matches!(refused, Cause::SessionNotFound), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn bounds_are_taken_over_for_those_who_come_later() {
    let (broker, _module) = broker(Module::new());
    let me = caller("me");
    broker.open_session(&me, request(None)).await.unwrap();
    let mut limits = (*broker.limits()).clone();
    limits.sessions.max_per_principal = 1;
    limits.queue.max = 0;
    broker.reload((*broker.servers()).clone(), limits);
    let refused = broker.open_session(&me, request(None)).await.unwrap_err();
    assert!(matches!(
        refused.cause,
        Cause::TooManySessions { own: true }
    ));
    let profile = Target::Profile("a".into());
    let refused = broker.make_directory(&me, &profile, &path("/d")).await;
    let refused = refused.unwrap_err().cause;
    assert!(matches!(refused, Cause::QueueFull { .. }), "{refused:?}");
}
