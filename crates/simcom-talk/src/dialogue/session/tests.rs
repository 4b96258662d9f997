//! Plans, and what their commands lead to.

use std::num::NonZeroU16;

use super::*;
use crate::ftps::CommandName;
use crate::ftps::tls::TlsPolicy;
use crate::ftps::value::{Host, Password, ServerType, Username};

fn server(host: &str) -> Arc<Server> {
    Arc::new(Server {
        host: Host::new(host).unwrap(),
        port: NonZeroU16::new(21).unwrap(),
        username: Username::new("u").unwrap(),
        password: Password::new("p").unwrap(),
        server_type: ServerType::Ftp,
        single_ip: true,
        tls: TlsPolicy::unverified(),
    })
}

fn at(host: &str, directory: Directory) -> Standing {
    Standing::LoggedIn(SessionTarget {
        server: server(host),
        transfer_type: TransferType::Binary,
        directory,
    })
}

fn done(body: Option<Body>) -> Response {
    Response {
        name: CommandName::AT,
        outcome: Outcome::Done(body),
        clean: true,
        info: Vec::new(),
        prompted: false,
        echoed: false,
    }
}

/// Plans, and lets every command succeed except those in `refuse`.
fn walk(session: &mut Session, standing: &Standing, refuse: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    while let Some(command) = session.next_towards(standing, &ModuleProfile::sim7600()) {
        let name = command
            .name()
            .as_str()
            .trim_start_matches("AT+CFTPS")
            .to_owned();
        let mut response = match command {
            Command::WorkingDirectory => done(Some(Body::Text("/home/u".into()))),
            _ => done(None),
        };
        if refuse.contains(&name.as_str()) {
            response.outcome = Outcome::Failed(Cause::Refused(None));
        }
        session.follow(&command, &response, standing).unwrap();
        said.push(name);
        assert!(said.len() < 20, "no end: {said:?}");
    }
    said
}

fn path(text: &str) -> RemotePath {
    RemotePath::new(text).unwrap()
}

#[test]
fn from_unknown_everything_is_ended_before_it_is_begun() {
    let mut session = Session::Unknown;
    let said = walk(&mut session, &at("a", Directory::Any), &["LOGOUT", "STOP"]);
    assert_eq!(
        said,
        ["LOGOUT", "STOP", "START", "SINGLEIP", "LOGIN", "TYPE"]
    );
    assert_eq!(walk(&mut session, &at("a", Directory::Any), &[]), [""; 0]);
}

#[test]
fn another_server_needs_a_new_login_and_nothing_else() {
    let mut session = Session::Unknown;
    walk(&mut session, &at("a", Directory::Any), &[]);
    assert_eq!(
        walk(&mut session, &at("b", Directory::Any), &[]),
        ["LOGOUT", "LOGIN", "TYPE"]
    );
}

#[test]
fn another_password_is_another_login() {
    let mut session = Session::Unknown;
    walk(&mut session, &at("a", Directory::Any), &[]);
    let mut other = (*server("a")).clone();
    other.password = Password::new("q").unwrap();
    let standing = Standing::LoggedIn(SessionTarget {
        server: Arc::new(other),
        transfer_type: TransferType::Binary,
        directory: Directory::Any,
    });
    assert_eq!(
        walk(&mut session, &standing, &[]),
        ["LOGOUT", "LOGIN", "TYPE"]
    );
}

#[test]
fn the_way_back_to_the_login_directory_is_kept() {
    let mut session = Session::Unknown;
    walk(&mut session, &at("a", Directory::Login), &[]);
    let away = at("a", Directory::At(path("/x")));
    assert_eq!(walk(&mut session, &away, &[]), ["PWD", "CWD"]);
    assert_eq!(walk(&mut session, &away, &[]), [""; 0]);
    assert_eq!(walk(&mut session, &at("a", Directory::Login), &[]), ["CWD"]);
    let home = at("a", Directory::At(path("/home/u")));
    assert_eq!(walk(&mut session, &home, &[]), [""; 0]);
}

#[test]
fn a_closed_connection_is_left_by_logging_out() {
    let mut session = Session::Unknown;
    walk(&mut session, &at("a", Directory::Any), &[]);
    session.note(ErrCode::SERVER_TIMEOUT);
    assert_eq!(
        walk(&mut session, &at("a", Directory::Any), &[]),
        ["LOGOUT", "LOGIN", "TYPE"]
    );
    session.close();
    let said = walk(&mut session, &at("a", Directory::Any), &["LOGOUT"]);
    assert_eq!(
        said,
        ["LOGOUT", "STOP", "START", "SINGLEIP", "LOGIN", "TYPE"]
    );
}

#[test]
fn stopping_ends_what_there_is() {
    let mut session = Session::Unknown;
    assert_eq!(
        walk(&mut session, &Standing::Down, &["LOGOUT"]),
        ["LOGOUT", "STOP"]
    );
    walk(&mut session, &at("a", Directory::Any), &[]);
    assert_eq!(walk(&mut session, &Standing::Down, &[]), ["LOGOUT", "STOP"]);
    assert_eq!(walk(&mut session, &Standing::Started, &[]), ["START"]);
}

#[test]
fn a_module_at_work_that_aborts_nothing_is_logged_out_once_it_is_done() {
    let standing = at("a", Directory::Any);
    let mut session = Session::Unknown;
    let mut busy = done(None);
    busy.outcome = Outcome::Failed(Cause::Reported(ErrCode::BUSY));
    session.follow(&Command::Logout, &busy, &standing).unwrap();
    let next = session.next_towards(&standing, &ModuleProfile::sim7600());
    assert_eq!(next, Some(Command::Abort));
    let mut refused = done(None);
    refused.outcome = Outcome::Failed(Cause::Refused(None));
    session
        .follow(&Command::Abort, &refused, &standing)
        .unwrap();
    // The planner pauses.
    let cause = session.follow(&Command::Logout, &busy, &standing);
    assert_eq!(cause, Err(Cause::Reported(ErrCode::BUSY)));
    assert_eq!(
        walk(&mut session, &standing, &[]),
        ["LOGOUT", "STOP", "START", "SINGLEIP", "LOGIN", "TYPE"]
    );
}

#[test]
fn a_mode_set_by_hand_lasts_until_the_next_login() {
    let mut session = Session::Unknown;
    walk(&mut session, &at("a", Directory::Any), &[]);
    session.readdressed(false);
    assert_eq!(
        walk(&mut session, &at("a", Directory::Any), &[]),
        ["LOGOUT", "SINGLEIP", "LOGIN", "TYPE"]
    );
    session.readdressed(true);
    assert_eq!(
        walk(&mut session, &at("a", Directory::Any), &[]),
        ["LOGOUT", "LOGIN", "TYPE"]
    );
}

#[test]
fn a_refused_login_ends_the_plan() {
    let mut session = Session::Started(Some(true));
    let command = Command::Login(server("a"));
    let mut refused = done(None);
    refused.outcome = Outcome::Failed(Cause::Reported(ErrCode::REJECTED));
    let standing = at("a", Directory::Any);
    let cause = session.follow(&command, &refused, &standing).unwrap_err();
    assert_eq!(cause, Cause::Reported(ErrCode::REJECTED));
    assert_eq!(session, Session::Started(Some(true)));
}

#[test]
fn a_logout_without_result_counts_as_done() {
    let mut session = Session::Unknown;
    walk(&mut session, &at("a", Directory::Any), &[]);
    let mut silent = done(None);
    silent.outcome = Outcome::Failed(Cause::Timeout(Awaited::Result));
    session
        .follow(&Command::Logout, &silent, &Standing::Down)
        .unwrap();
    assert_eq!(session, Session::LoggedOut);
}
