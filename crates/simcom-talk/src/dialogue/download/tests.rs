//! Downloads without a module.

use bytes::Bytes;

use super::state::{Download, State};
use crate::dialogue::exchange::{Outcome, Response};
use crate::dialogue::failure::{Cause, Stage};
use crate::dialogue::known::Known;
use crate::dialogue::operation::{self, BegunDownload, Delivery};
use crate::dialogue::procedure::{Next, Procedure, Saying};
use crate::ftps::value::{Offset, RemotePath, TransferType};
use crate::ftps::{Command, CommandName, ErrCode};

/// A download that was broken off behind `got` bytes, and goes on.
fn gone_on(got: u64) -> Download {
    let what = operation::Download {
        begun: Some(BegunDownload::of(got, Some(5 << 30), &[1; 512], &[2; 512])),
        ..operation::Download::of(RemotePath::new("/f").unwrap(), Offset::ZERO)
    };
    let mut download = Download::new(what, TransferType::Binary);
    download.state = State::Get;
    download
}

/// A module takes no offset beyond 2^31 - 1 (SIMCom manual L1214).
#[test]
fn a_download_beyond_two_gibibytes_goes_on_from_the_last_offset_that_the_module_takes() {
    let mut download = gone_on(3 << 30);
    let Next::Say(Saying::Ftps(Command::Get(_, offset))) = download.next() else {
        panic!("it does not go on");
    };
    assert_eq!(offset.get(), Offset::MAX);
    let before = Bytes::from(vec![7; 1 << 20]);
    let skipped = (3 << 30) - 512 - Offset::MAX;
    for _ in 0..skipped / (1 << 20) {
        assert_eq!(download.content(before.clone()), None);
    }
    let rest = usize::try_from(skipped % (1 << 20)).unwrap();
    assert_eq!(download.content(before.slice(..rest)), None);
    assert_eq!(download.content(Bytes::from(vec![2; 512])), None);
    let next = Bytes::from_static(b"next");
    assert_eq!(
        download.content(next.clone()),
        Some(Delivery::Chunk(next)),
        "what comes behind the overlap is new"
    );
}

#[test]
fn a_server_that_ignores_the_last_offset_is_read_from_the_beginning() {
    let mut download = gone_on(3 << 30);
    let Next::Say(_) = download.next() else {
        panic!("it does not go on");
    };
    let skipped = (3 << 30) - 512 - Offset::MAX;
    let all = Bytes::from(vec![7; usize::try_from(skipped).unwrap() + 512]);
    assert_eq!(download.content(all), None);
    assert_eq!(download.complete_to(), Some(0));
}

impl Download {
    /// Lets the module say that the download is complete. Returns where the next GET begins, if
    /// there is one.
    fn complete_to(&mut self) -> Option<u64> {
        self.state = self.complete();
        loop {
            match self.next() {
                Next::Say(Saying::Ftps(Command::Size(_))) => {
                    self.state = self.recheck(Known::Size(5 << 30));
                }
                Next::Say(Saying::Ftps(Command::Get(_, offset))) => return Some(offset.get()),
                _ => return None,
            }
        }
    }
}

#[test]
fn the_data_connection_is_named_and_not_the_goodbye_that_followed() {
    let what = operation::Download::of(RemotePath::new("/f").unwrap(), Offset::ZERO);
    let mut download = Download::new(what, TransferType::Binary);
    let codes = [
        ErrCode::CLOSED_BY_SERVER,
        ErrCode::CONNECT_SOCKET,
        ErrCode::CLOSED_BY_SERVER,
    ];
    for code in codes {
        download.state = State::Wait;
        download.heard(&Response {
            name: CommandName::Get,
            outcome: Outcome::Failed(Cause::Reported(code)),
            clean: true,
            info: Vec::new(),
            prompted: false,
            echoed: false,
        });
    }
    let Next::Finish(Err(failure)) = download.next() else {
        panic!("three fruitless tries are enough");
    };
    assert_eq!(failure.cause, Cause::Reported(ErrCode::CONNECT_SOCKET));
    assert_eq!(failure.stage, Stage::Data);
}
