//! What a call has besides its message: who makes it, and its deadline.

use std::pin::Pin;
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::{connection_info, status};
use crate::broker::terms::{Caller, Cause, Error, Options};
use crate::modem;

/// The daemon answers this much before the caller's deadline, or a tenth of a shorter one. So the answer, which
/// says what was under way, arrives while the caller still listens.
const HEAD_START: Duration = Duration::from_millis(50);

/// Part of it is for the broker's own answer; after that this floor answers. To end an operation on the link
/// can take long, and nobody would wait for it.
const OWN_WORDS: Duration = Duration::from_millis(25);

/// The answer of a method.
pub(super) type Answer<T> = Result<Response<T>, Status>;

/// The future of a service that wraps another.
pub(super) type ServiceFuture<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

/// Does the work of a call until its deadline.
pub(super) async fn within<T>(
    caller: &Caller,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Status> {
    tokio::select! {
        biased;
        done = work => done.map_err(|error| status::of(&error)),
        () = given_up(caller) => Err(status::of(&Cause::Expired.into())),
    }
}

/// Completes when the deadline has passed; never where there is none.
pub(super) async fn given_up(caller: &Caller) {
    match caller.deadline {
        Some(deadline) => tokio::time::sleep_until(deadline + OWN_WORDS).await,
        None => std::future::pending().await,
    }
}

/// Reads a call's principal and deadline.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let principal = connection_info::principal(request.extensions())?;
    let limit = time_limit(request.metadata())?;
    // A deadline beyond the clock's reach is none.
    let deadline = limit.and_then(|limit| modem::clock::now().checked_add(limit));
    Ok(Caller {
        priority: None,
        yields: None,
        options: Options::default(),
        principal,
        deadline,
    })
}

fn time_limit(metadata: &MetadataMap) -> Result<Option<Duration>, Status> {
    let Some(value) = metadata.get("grpc-timeout") else {
        return Ok(None);
    };
    let limit = value.to_str().ok().and_then(parse).ok_or_else(|| {
        status::bad_metadata(
            "grpc-timeout",
            "is not up to eight digits and one of H M S m u n",
        )
    })?;
    Ok(Some(limit.saturating_sub(HEAD_START.min(limit / 10))))
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol over HTTP/2.
fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last().filter(char::is_ascii)?;
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::terms::Principal;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_caller() {
        let deadline = modem::clock::now() + Duration::from_secs(3);
        let principal = Principal::new("x");
        let caller = Caller {
            priority: None,
            yields: None,
            options: Options::default(),
            principal,
            deadline: Some(deadline),
        };
        assert_eq!(within(&caller, async { Ok(7) }).await.unwrap(), 7);
        let status = within(&caller, std::future::pending::<Result<(), Error>>()).await;
        assert_eq!(status.unwrap_err().code(), tonic::Code::DeadlineExceeded);
        let late = modem::clock::now() - deadline;
        assert!(late < HEAD_START, "{late:?}");
    }

    #[test]
    fn time_limits_are_read_as_the_protocol_writes_them() {
        let cases = [
            ("99999999H", Some(Duration::from_secs(359_999_996_400))),
            ("2M", Some(Duration::from_secs(120))),
            ("15S", Some(Duration::from_secs(15))),
            ("1500m", Some(Duration::from_millis(1500))),
            ("7u", Some(Duration::from_micros(7))),
            ("0n", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("123456789S", None),
            ("-1S", None),
            ("1s", None),
            ("1é", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text), want, "{text:?}");
        }
    }

    #[test]
    fn the_answer_gets_a_head_start() {
        let mut metadata = MetadataMap::new();
        assert_eq!(time_limit(&metadata).unwrap(), None);
        metadata.insert("grpc-timeout", "10S".parse().unwrap());
        assert_eq!(
            time_limit(&metadata).unwrap(),
            Some(Duration::from_millis(9950))
        );
        metadata.insert("grpc-timeout", "100m".parse().unwrap());
        assert_eq!(
            time_limit(&metadata).unwrap(),
            Some(Duration::from_millis(90))
        );
        metadata.insert("grpc-timeout", "soon".parse().unwrap());
        assert!(time_limit(&metadata).is_err());
    }
}
