//! The errors that clients see, frozen: programs rely on the code, the reason and the metadata.
//!
//! Above 400 lines because the frozen table of causes is one value.

use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use tonic_types::StatusExt;

use cellftp::broker::terms::{
    Cause, Error, Exceeded, Exhausted, Hashed, LimitUse, Period, Scope, Trouble,
};
use cellftp::modem::{self, JobId};
use cellftp::rpc::status;
use simcom_talk::at::line::ErrorCode;
use simcom_talk::dialogue::Rung;
use simcom_talk::dialogue::failure::{self, Awaited, Ending, Failure, Finding, Stage};
use simcom_talk::ftps::errcode::ErrCode;
use simcom_talk::ftps::value::ValueError;

/// `what -> CODE REASON key=value.. retry=seconds field`, one row an error.
fn row(what: &str, error: impl Into<Error>) -> String {
    let status = status::of(&error.into());
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.domain, status::DOMAIN);
    let mut row = format!("{what} -> {:?} {}", status.code(), info.reason);
    let mut metadata: Vec<_> = info.metadata.iter().collect();
    metadata.sort();
    for (key, value) in metadata {
        write!(row, " {key}={value}").unwrap();
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        write!(row, " retry={}", delay.as_secs_f64()).unwrap();
    }
    for violation in details
        .bad_request()
        .map(|bad| &bad.field_violations)
        .into_iter()
        .flatten()
    {
        write!(row, " field={}", violation.field).unwrap();
    }
    assert_sentence(&status);
    row
}

/// A message says something, and nothing twice.
fn assert_sentence(status: &Status) {
    let message = status.message();
    assert!(message.len() > 5, "{message}");
    let parts: Vec<&str> = message.split(": ").collect();
    for (at, part) in parts.iter().enumerate() {
        assert!(
            !parts.iter().skip(at + 1).any(|later| later == part),
            "twice: {message}"
        );
    }
}

fn compare(rows: &[String], want: &str) {
    let want: Vec<&str> = want
        .lines()
        .map(str::trim)
        .filter(|row| !row.is_empty())
        .collect();
    for (have, want) in rows.iter().zip(&want) {
        assert_eq!(have, want);
    }
    assert_eq!(rows.len(), want.len(), "{rows:#?}");
}

fn failed(cause: failure::Cause, command: &'static str, stage: Stage) -> Failure {
    Failure::new(cause, Some(command.into()), stage)
}

fn modem(error: modem::Error) -> Error {
    error.into()
}

fn of_failure(failure: Failure) -> Error {
    modem(modem::Error::Failed(failure))
}

fn budget(scope: Scope, period: Period, retry_after: Option<Duration>) -> Cause {
    Cause::DataBudget(Exceeded {
        limit_use: LimitUse {
            scope,
            period,
            limit: 50,
            used: 40,
        },
        needed: 70,
        retry_after,
    })
}

#[test]
fn errors_of_those_who_share_the_link() {
    let retry_after = Duration::from_secs(3);
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let broken = io::Error::from(io::ErrorKind::PermissionDenied);
    let read_only = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
    let no_files = rustix::io::Errno::MFILE.into();
    let gave_up = |exhausted| Cause::GaveUp {
        exhausted,
        last: "the link was lost".into(),
    };
    let causes = [
        (
            "queue",
            Cause::QueueFull {
                own: false,
                retry_after,
            },
        ),
        (
            "own share",
            Cause::QueueFull {
                own: true,
                retry_after,
            },
        ),
        ("sessions", Cause::TooManySessions { own: true }),
        ("sessions of all", Cause::TooManySessions { own: false }),
        ("watchers", Cause::TooManyWatchers { own: true }),
        ("name of another request", Cause::RequestIdUsed),
        ("request that runs", Cause::RequestRunning),
        (
            "data of the day",
            budget(Scope::Module, Period::Day, Some(retry_after)),
        ),
        (
            "more than a month has",
            budget(Scope::Profile, Period::Month, None),
        ),
        ("deadline", Cause::Expired),
        ("stopping", Cause::Stopping),
        ("reader", Cause::ReaderTooSlow),
        ("writer", Cause::WriterTooSlow),
        ("profile", Cause::ProfileNotFound("x".into())),
        (
            "foreign profile",
            Cause::ProfileNotAllowed {
                profile: "x".into(),
                method: "Put",
            },
        ),
        ("session", Cause::SessionNotFound),
        ("operation", Cause::OperationNotFound),
        ("inline", Cause::InlineNotAllowed),
        ("no transfers", Cause::TransfersOff),
        ("transfer", Cause::TransferNotFound),
        ("other transfer", Cause::TransferExists),
        ("busy transfer", Cause::TransferBusy),
        ("transfers", Cause::TooManyTransfers { own: false }),
        ("spool", Cause::SpoolFull { own: true }),
        ("state", Cause::WrongState("done")),
        ("offset", Cause::WrongOffset { committed: 7 }),
        ("source", Cause::SourceChanged),
        ("ended", Cause::TransferEnded),
        ("name taken", Cause::NameTaken("/f".into())),
        ("name being written", Cause::NameBusy("/f".into())),
        ("attempts", gave_up(Exhausted::Attempts)),
        ("time", gave_up(Exhausted::Time)),
        ("bytes", gave_up(Exhausted::Bytes)),
        ("expired", Cause::TransferExpired(Duration::from_secs(90))),
        ("interrupted", Cause::Interrupted),
        ("lost bytes", Cause::SpoolLost),
        (
            "unverified",
            Cause::Unverified {
                evidence: "e".into(),
            },
        ),
        ("lost outcome", Cause::Indeterminate),
        ("lost sentinel", Cause::SentinelUnknown),
        ("at-commands", Cause::AtCommandsNotAllowed),
        ("file", Cause::NotADirectory),
        ("name", Cause::NotAddressable("a\"b".into())),
        ("part of a tree", Cause::TreeIncomplete { failed: 2 }),
        ("large tree", Cause::TreeTooLarge),
        ("root", Cause::RootOfTree),
        ("ascii", Cause::NoVerifyInAscii),
        (
            "path",
            Cause::InvalidPath(ValueError::TooLong {
                len: 5000,
                max: 4096,
            }),
        ),
        ("own sentinel", Cause::OwnSentinel),
        ("directory", Cause::UnusableDirectory(ValueError::Quote)),
        (
            "size",
            Cause::SizeMismatch {
                expected: 2,
                found: 1,
            },
        ),
        ("hash sent", Cause::HashMismatch(Hashed::Sent)),
        ("hash read back", Cause::HashMismatch(Hashed::ReadBack)),
        ("cancelled", Cause::Cancelled(Ending::Drained)),
        ("disk full", Cause::Spool(Arc::new(full))),
        ("disk", Cause::Spool(Arc::new(broken))),
        ("read-only disk", Cause::Spool(Arc::new(read_only))),
        ("descriptors", Cause::Spool(Arc::new(no_files))),
        (
            "damaged store",
            Cause::Store(Trouble::Damaged {
                what: "its index is not readable".into(),
                source: Arc::new(io::ErrorKind::StorageFull.into()),
            }),
        ),
        (
            "newer store",
            Cause::Store(Trouble::Newer { found: 9, known: 4 }),
        ),
        (
            "unreadable store",
            Cause::Store(Trouble::Unreadable(Arc::new(
                io::ErrorKind::PermissionDenied.into(),
            ))),
        ),
        ("replaced directory", Cause::Store(Trouble::Replaced)),
        ("damaged record", Cause::RecordDamaged),
        ("answer", Cause::WrongAnswer),
    ];
    let rows: Vec<String> = causes
        .into_iter()
        .map(|(what, cause)| row(what, cause))
        .collect();
    compare(
        &rows,
        "queue -> ResourceExhausted QUEUE_FULL retry=3
         own share -> ResourceExhausted QUEUE_FULL retry=3
         sessions -> ResourceExhausted TOO_MANY_SESSIONS
         sessions of all -> ResourceExhausted TOO_MANY_SESSIONS retry=5
         watchers -> ResourceExhausted TOO_MANY_WATCHERS
         name of another request -> AlreadyExists REQUEST_ID_USED
         request that runs -> Aborted REQUEST_RUNNING retry=5
         data of the day -> ResourceExhausted DATA_BUDGET left=10 limit=per_day needed=70 retry=3
         more than a month has -> ResourceExhausted DATA_BUDGET left=10 limit=profile_per_month needed=70
         deadline -> DeadlineExceeded DEADLINE_PASSED
         stopping -> Unavailable STOPPING retry=5
         reader -> ResourceExhausted READER_TOO_SLOW
         writer -> ResourceExhausted WRITER_TOO_SLOW
         profile -> NotFound PROFILE_NOT_FOUND
         foreign profile -> PermissionDenied PROFILE_NOT_ALLOWED
         session -> NotFound SESSION_NOT_FOUND
         operation -> NotFound OPERATION_NOT_FOUND
         inline -> PermissionDenied INLINE_SERVERS_DISABLED
         no transfers -> FailedPrecondition TRANSFERS_OFF
         transfer -> NotFound TRANSFER_NOT_FOUND
         other transfer -> AlreadyExists TRANSFER_EXISTS
         busy transfer -> Aborted TRANSFER_BUSY retry=5
         transfers -> ResourceExhausted TOO_MANY_TRANSFERS retry=5
         spool -> ResourceExhausted SPOOL_FULL retry=5
         state -> FailedPrecondition WRONG_STATE
         offset -> OutOfRange WRONG_OFFSET
         source -> Aborted SOURCE_CHANGED
         ended -> Aborted TRANSFER_ENDED
         name taken -> Aborted NAME_TAKEN_OVER
         name being written -> AlreadyExists ALREADY_EXISTS
         attempts -> Aborted GAVE_UP_ATTEMPTS
         time -> Aborted GAVE_UP_TIME
         bytes -> Aborted GAVE_UP_BYTES
         expired -> DeadlineExceeded EXPIRED
         interrupted -> Unavailable INTERRUPTED
         lost bytes -> DataLoss SPOOL_LOST
         unverified -> Aborted UNVERIFIED
         lost outcome -> Unknown INDETERMINATE
         lost sentinel -> Unknown SENTINEL_INDETERMINATE
         at-commands -> PermissionDenied AT_COMMANDS_DISABLED
         file -> FailedPrecondition NOT_A_DIRECTORY
         name -> FailedPrecondition NOT_ADDRESSABLE
         part of a tree -> Aborted TREE_INCOMPLETE
         large tree -> ResourceExhausted TREE_TOO_LARGE
         root -> InvalidArgument INVALID_FIELDS field=path
         ascii -> InvalidArgument INVALID_FIELDS field=header.verify
         path -> InvalidArgument INVALID_FIELDS field=path
         own sentinel -> InvalidArgument INVALID_FIELDS field=header.sentinel
         directory -> FailedPrecondition UNUSABLE_DIRECTORY
         size -> Aborted SIZE_MISMATCH expected=2 found=1
         hash sent -> Aborted HASH_MISMATCH
         hash read back -> Aborted HASH_MISMATCH
         cancelled -> Cancelled CANCELLED
         disk full -> ResourceExhausted SPOOL_FULL retry=5
         disk -> Internal SPOOL_FAILED
         read-only disk -> FailedPrecondition SPOOL_READ_ONLY
         descriptors -> Unavailable TOO_MANY_FILES retry=5
         damaged store -> FailedPrecondition STORE_DAMAGED
         newer store -> FailedPrecondition STORE_NEWER
         unreadable store -> Unavailable STORE_UNREADABLE retry=5
         replaced directory -> FailedPrecondition STORE_REPLACED
         damaged record -> DataLoss RECORD_DAMAGED
         answer -> Internal WRONG_ANSWER",
    );
}

#[test]
fn errors_of_the_owner_of_the_port() {
    let device = || "/dev/x".to_string();
    let source = || Arc::new(io::Error::from(io::ErrorKind::NotFound));
    let sim = Failure::new(
        failure::Cause::SimLocked,
        Some("AT+CPIN?".into()),
        Stage::Sim,
    );
    let odd = Failure::new(failure::Cause::Garbled, Some("ATE0".into()), Stage::Device);
    let errors = [
        (
            "absent",
            modem::Error::DeviceAbsent {
                device: device(),
                source: source(),
            },
        ),
        (
            "no descriptor for the port",
            modem::Error::DeviceAbsent {
                device: device(),
                source: Arc::new(rustix::io::Errno::NFILE.into()),
            },
        ),
        (
            "held",
            modem::Error::PortHeld {
                device: device(),
                holder: Some("minicom (7)".into()),
            },
        ),
        ("io", modem::Error::Io(source())),
        ("not ready, SIM", modem::Error::NotReady(sim)),
        ("not ready, odd", modem::Error::NotReady(odd)),
        ("stopping", modem::Error::Stopping),
    ];
    let rows: Vec<String> = errors
        .into_iter()
        .map(|(what, error)| row(what, error))
        .collect();
    compare(
        &rows,
        "absent -> Unavailable DEVICE_ABSENT retry=5
         no descriptor for the port -> Unavailable TOO_MANY_FILES retry=5
         held -> FailedPrecondition PORT_HELD
         io -> Unavailable PORT_FAILED retry=5
         not ready, SIM -> FailedPrecondition SIM_LOCKED attempt=1 command=AT+CPIN? stage=sim
         not ready, odd -> Unavailable MODEM_NOT_READY attempt=1 command=ATE0 stage=device retry=5
         stopping -> Unavailable STOPPING retry=5",
    );
}

#[test]
fn errors_of_the_dialogue() {
    use failure::Cause as C;
    let causes = [
        C::Refused(None),
        C::Refused(Some(ErrorCode::Number(100))),
        C::Timeout(Awaited::Result),
        C::OutOfOrder("+X: 1".into()),
        C::Garbled,
        C::Rebooted,
        C::PortLost,
        C::Disconnected,
        C::NetworkLost,
        C::SimMissing,
        C::SimLocked,
        C::NotRegistered,
        C::Cancelled(Ending::Aborted),
        C::SourceGone,
        C::SourceStalled,
        C::ReceiverStalled,
        C::Exists,
        C::NotOnModule,
        C::DriveFull { size: 2, free: 1 },
        C::SizeMismatch {
            expected: 2,
            found: 1,
        },
        C::OverLimit { size: 2, limit: 1 },
        C::Undecided(9),
        C::ListingUnread("== 5 == x".into()),
        C::Unsuitable(ValueError::TooLong { len: 300, max: 256 }),
    ];
    let rows: Vec<String> = causes
        .into_iter()
        .map(|cause| {
            let what = cause.to_string();
            row(&what, of_failure(failed(cause, "AT+CFTPSGET", Stage::Data)))
        })
        .collect();
    let rows: Vec<String> = rows
        .into_iter()
        .map(|row| row.replace(" attempt=1 command=AT+CFTPSGET stage=data", " *"))
        .collect();
    compare(
        &rows,
        "the module refused the command -> Internal MODEM_ERROR *
         the module refused the command: CME error 100 -> Internal MODEM_ERROR *
         no result in time -> Unavailable MODEM_SILENT * retry=5
         unexpected answer: +X: 1 -> Internal MODEM_GARBLED *
         garbage on the line -> Internal MODEM_GARBLED *
         the module restarted -> Unavailable MODEM_REBOOTED * retry=5
         the port was lost -> Unavailable PORT_LOST * retry=5
         the connection to the server was closed -> Unavailable SERVER_CLOSED * retry=5
         the module lost its data connection to the network -> Unavailable NETWORK * retry=5
         there is no SIM -> FailedPrecondition SIM_MISSING *
         the SIM is locked -> FailedPrecondition SIM_LOCKED *
         not registered with a network -> Unavailable NOT_REGISTERED * retry=5
         cancelled -> Cancelled CANCELLED
         the source ended before it was complete -> Cancelled UNFINISHED *
         the source sent nothing for too long -> ResourceExhausted WRITER_TOO_SLOW
         the receiver took nothing for too long -> ResourceExhausted READER_TOO_SLOW
         the name exists -> AlreadyExists ALREADY_EXISTS *
         the module has no such file or directory -> NotFound FILE_NOT_FOUND *
         the file of 2 bytes does not fit: 1 bytes are free on the drive -> FailedPrecondition MODULE_FULL *
         the size is 1 bytes, not 2 -> Aborted SIZE_MISMATCH expected=2 found=1
         2 bytes are to be moved, and 1 are allowed -> ResourceExhausted DATA_BUDGET *
         the module answered 9, which may be a size or an error code -> Internal SIZE_UNDECIDED *
         the server's listing could not be read, for example this line: == 5 == x -> FailedPrecondition LISTING_UNREADABLE *
         the value is 300 bytes long, the limit is 256 -> InvalidArgument BAD_PARAMETER * field=path",
    );
}

#[test]
fn error_codes_of_the_module() {
    let rows: Vec<String> = (1..=17)
        .chain([99, 421])
        .map(|number| {
            let cause = failure::Cause::Reported(ErrCode::new(number));
            row(
                &number.to_string(),
                of_failure(failed(cause, "AT+CFTPSDELE", Stage::Directory)),
            )
            .replace(
                &format!(" attempt=1 command=AT+CFTPSDELE errcode={number} stage=directory"),
                " *",
            )
        })
        .collect();
    compare(
        &rows,
        "1 -> FailedPrecondition TLS_ALERT *
         2 -> Unknown MODEM_UNKNOWN *
         3 -> Unavailable MODEM_BUSY * retry=5
         4 -> Unavailable SERVER_CLOSED * retry=5
         5 -> Unavailable LINK_TIMEOUT * retry=5
         6 -> Aborted TRANSFER_FAILED *
         7 -> Internal MODULE_MEMORY *
         8 -> InvalidArgument BAD_PARAMETER *
         9 -> FailedPrecondition SERVER_REFUSED *
         10 -> Unavailable NETWORK * retry=5
         11 -> Internal MODEM_STATE *
         12 -> Unavailable DNS * retry=5
         13 -> Unavailable SOCKET * retry=5
         14 -> Unavailable CONNECT * retry=5
         15 -> Unavailable SOCKET * retry=5
         16 -> Unavailable TLS_CLOSED * retry=5
         17 -> Internal MODULE_FILE *
         99 -> Unknown MODEM_UNKNOWN *
         421 -> Unavailable SERVER_TIMEOUT * retry=5",
    );
}

#[test]
fn what_a_look_at_the_server_shows_decides() {
    use Finding::{DirectoryAbsent, NameAbsent, NamePresent};
    let cases = [
        (9, "AT+CFTPSLOGIN", Stage::Login, None),
        (9, "AT+CFTPSGET", Stage::Data, Some(NameAbsent)),
        (9, "AT+CFTPSDELE", Stage::Directory, Some(NamePresent)),
        (9, "AT+CFTPSMKD", Stage::Directory, Some(NamePresent)),
        (9, "AT+CFTPSMKD", Stage::Directory, Some(NameAbsent)),
        (9, "AT+CFTPSPUT", Stage::Data, Some(NameAbsent)),
        (9, "AT+CFTPSPUT", Stage::Data, Some(DirectoryAbsent)),
        (9, "AT+CFTPSMKD", Stage::Directory, Some(DirectoryAbsent)),
        (9, "AT+CFTPSDELE", Stage::Directory, Some(DirectoryAbsent)),
        (7, "AT+CFTPSSIZE", Stage::Directory, Some(NameAbsent)),
        (17, "AT+CFTPSGET", Stage::Data, Some(NameAbsent)),
    ];
    let rows: Vec<String> = cases
        .into_iter()
        .map(|(number, command, stage, finding)| {
            let cause = failure::Cause::Reported(ErrCode::new(number));
            let failure = Failure {
                finding,
                ..failed(cause, command, stage)
            };
            let all = row(
                &format!("{number} {command} {finding:?}"),
                of_failure(failure),
            );
            all.split(" attempt").next().unwrap().to_string()
        })
        .collect();
    compare(
        &rows,
        "9 AT+CFTPSLOGIN None -> FailedPrecondition LOGIN_REFUSED
         9 AT+CFTPSGET Some(NameAbsent) -> NotFound FILE_NOT_FOUND
         9 AT+CFTPSDELE Some(NamePresent) -> FailedPrecondition SERVER_REFUSED
         9 AT+CFTPSMKD Some(NamePresent) -> AlreadyExists ALREADY_EXISTS
         9 AT+CFTPSMKD Some(NameAbsent) -> FailedPrecondition SERVER_REFUSED
         9 AT+CFTPSPUT Some(NameAbsent) -> FailedPrecondition SERVER_REFUSED
         9 AT+CFTPSPUT Some(DirectoryAbsent) -> NotFound DIRECTORY_NOT_FOUND
         9 AT+CFTPSMKD Some(DirectoryAbsent) -> NotFound DIRECTORY_NOT_FOUND
         9 AT+CFTPSDELE Some(DirectoryAbsent) -> NotFound FILE_NOT_FOUND
         7 AT+CFTPSSIZE Some(NameAbsent) -> NotFound FILE_NOT_FOUND
         17 AT+CFTPSGET Some(NameAbsent) -> NotFound FILE_NOT_FOUND",
    );
}

#[test]
fn a_refusal_without_a_code_tells_what_a_look_has_shown() {
    use failure::Finding::{DirectoryAbsent, NameAbsent, NamePresent};
    let cases = [
        ("AT+CFTPSLIST", Some(NameAbsent)),
        ("AT+CFTPSDELE", Some(NamePresent)),
        ("AT+CFTPSMKD", Some(NamePresent)),
        ("AT+CFTPSPUT", Some(DirectoryAbsent)),
        ("AT+CFTPSGET", None),
    ];
    let rows: Vec<String> = cases
        .into_iter()
        .map(|(command, finding)| {
            let failure = Failure {
                finding,
                ..failed(failure::Cause::Refused(None), command, Stage::Data)
            };
            let all = row(&format!("{command} {finding:?}"), of_failure(failure));
            all.split(" attempt").next().unwrap().to_string()
        })
        .collect();
    compare(
        &rows,
        "AT+CFTPSLIST Some(NameAbsent) -> NotFound FILE_NOT_FOUND
         AT+CFTPSDELE Some(NamePresent) -> Internal MODEM_ERROR
         AT+CFTPSMKD Some(NamePresent) -> AlreadyExists ALREADY_EXISTS
         AT+CFTPSPUT Some(DirectoryAbsent) -> NotFound DIRECTORY_NOT_FOUND
         AT+CFTPSGET None -> Internal MODEM_ERROR",
    );
}

#[test]
fn tls_trouble_on_the_data_connection_is_named() {
    let cause = || failure::Cause::Reported(ErrCode::SSL_ALERT);
    let data = status::of(&of_failure(failed(cause(), "AT+CFTPSLIST", Stage::Data)));
    assert!(
        data.message().contains("session reuse"),
        "{}",
        data.message()
    );
    // With implicit TLS, the same trouble has another number.
    let cause_14 = failure::Cause::Reported(ErrCode::CONNECT_SOCKET);
    let implicit = status::of(&of_failure(failed(cause_14, "AT+CFTPSPUT", Stage::Data)));
    assert!(
        implicit.message().contains("session reuse"),
        "{}",
        implicit.message()
    );
    let login = status::of(&of_failure(failed(cause(), "AT+CFTPSLOGIN", Stage::Tls)));
    assert!(
        login.message().contains("certificate"),
        "{}",
        login.message()
    );
}

#[test]
fn a_module_that_does_not_take_what_tls_must_prove_is_told_from_one_in_trouble() {
    let refused = |command, stage| {
        let failure = failed(failure::Cause::Refused(None), command, stage);
        row(stage.name(), of_failure(failure))
    };
    let rows = [
        refused("AT+CCERTDOWN", Stage::Tls),
        refused("AT+CFTPSLIST", Stage::Data),
    ];
    compare(
        &rows,
        "tls -> FailedPrecondition TLS_SETUP_REFUSED attempt=1 command=AT+CCERTDOWN stage=tls
         data -> Internal MODEM_ERROR attempt=1 command=AT+CFTPSLIST stage=data",
    );
}

#[test]
fn what_was_tried_to_repair_the_link_is_told() {
    let cause = failure::Cause::Reported(ErrCode::NETWORK);
    let failure = Failure {
        repairs: vec![Rung::Context, Rung::Radio],
        ..failed(cause, "AT+CFTPSSTART", Stage::Network)
    };
    let error = of_failure(failure);
    assert_eq!(
        row("get", error.clone()),
        "get -> Unavailable NETWORK attempt=1 command=AT+CFTPSSTART errcode=10 \
         repairs=context,radio stage=network retry=5"
    );
    let message = status::of(&error).message().to_owned();
    assert!(
        message.ends_with("repair the link: context, radio"),
        "{message}"
    );
}

#[test]
fn what_was_done_so_far_is_told() {
    let cause = failure::Cause::Reported(ErrCode::TRANSFER_FAILED);
    let failure = Failure {
        attempt: 3,
        committed: Some(4096),
        finding: Some(Finding::LeftBehind),
        ..failed(cause, "AT+CFTPSPUT", Stage::Data)
    };
    let error = Error {
        operation: Some(JobId::new("op-1")),
        ..of_failure(failure)
    };
    assert_eq!(
        row("put", error.clone()),
        "put -> Aborted TRANSFER_FAILED attempt=3 command=AT+CFTPSPUT committed_size=4096 \
         errcode=6 left_behind=true operation_id=op-1 stage=data"
    );
    assert!(status::of(&error).message().contains("still on the server"));
}
