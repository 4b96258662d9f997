//! Waits for other programs, always with an end.

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// How long a program may take to start on a machine with two busy cores.
pub(crate) const START: Duration = Duration::from_secs(60);

/// Asks every 10 ms until there is an answer. It is for things that no event tells a test, such as a file of
/// another program or its port.
///
/// # Panics
/// `limit` has passed. `what` says what never came.
pub(crate) fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < limit, "no {what} within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A TCP port on 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}
