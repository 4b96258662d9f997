//! The bounds of the spools, and what each principal gets of them. Above 400 lines because these
//! tests are one table of bounds.

use proptest::prelude::*;
use tokio::time::{Duration, timeout};

use super::*;

const STALL: Duration = Duration::from_secs(30);

fn spools(memory: u64, memory_in_all: u64, disk: u64, disk_in_all: u64) -> Arc<Spools> {
    Arc::new(Spools::new(Limits {
        memory,
        keep: memory,
        memory_in_all,
        memory_of_one: memory_in_all,
        disk,
        disk_in_all,
        disk_of_one: disk_in_all,
        directory: None,
    }))
}

fn me() -> Principal {
    Principal::new("me")
}

fn bytes(len: usize) -> Bytes {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

async fn read_all(reader: &mut Reader) -> (Vec<u8>, Spooled) {
    let mut all = Vec::new();
    loop {
        match reader.read().await.unwrap() {
            Spooled::Data(chunk) => {
                assert!((1..=MAX_CHUNK).contains(&chunk.len()));
                all.extend_from_slice(&chunk);
            }
            end => return (all, end),
        }
    }
}

/// Stalled Gets of one client took all 512 MiB; a neighbour's Get took 22 s for 0.4.
#[tokio::test(start_paused = true)]
async fn one_client_does_not_take_the_whole_disk() {
    let spools = Arc::new(Spools::new(Limits {
        disk_of_one: 500,
        ..spools(10, 10, 300, 1000).limits.load().as_ref().clone()
    }));
    let mut stalled = Vec::new();
    for _ in 0..8 {
        let (mut writer, reader) = spools.from_link(&me(), STALL);
        let written = async { while writer.write(bytes(10)).await.is_ok() {} };
        assert!(timeout(STALL / 2, written).await.is_err());
        stalled.push((writer, reader));
    }
    assert_eq!(spools.disk.used(), 500);
    let (mut writer, _reader) = spools.from_link(&Principal::new("another"), STALL);
    let written = async {
        for _ in 0..20 {
            writer.write(bytes(10)).await.unwrap();
        }
    };
    timeout(STALL / 2, written).await.unwrap();
}

/// Each file is a descriptor of the daemon.
#[tokio::test(start_paused = true)]
async fn one_client_has_a_part_of_the_files() {
    let spools = spools(10, 10, 100, 1 << 20);
    let mut stalled = Vec::new();
    for _ in 0..80 {
        let (mut writer, reader) = spools.from_link(&me(), STALL);
        let written = async { while writer.write(bytes(10)).await.is_ok() {} };
        assert!(timeout(STALL / 2, written).await.is_err());
        stalled.push((writer, reader));
    }
    assert_eq!(spools.files.used(), FILES.of_one);
    let row = format!(
        "half of `transfers.disk_in_all`, {} files | `transfers.disk_in_all`, {} files |",
        FILES.of_one, FILES.in_all
    );
    assert!(
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).contains(&row),
        "{row}"
    );
    drop(stalled);
    assert_eq!(spools.files.used(), 0);
}

/// The transfers of one client held all memory: those of a neighbour went to disk, or waited.
#[tokio::test(start_paused = true)]
async fn one_client_does_not_take_all_memory() {
    let spools = Arc::new(Spools::new(Limits {
        memory_of_one: 500,
        ..spools(300, 1000, 0, 0).limits.load().as_ref().clone()
    }));
    let mut held = Vec::new();
    for _ in 0..4 {
        let (mut writer, reader) = spools.to_link(&me());
        let written = async { while writer.write(bytes(10)).await.is_ok() {} };
        assert!(timeout(STALL, written).await.is_err());
        held.push((writer, reader));
    }
    assert_eq!(spools.memory.used(), 500);
    let (mut writer, _reader) = spools.to_link(&Principal::new("another"));
    let written = async {
        for _ in 0..25 {
            writer.write(bytes(10)).await.unwrap();
        }
    };
    timeout(STALL, written).await.unwrap();
    assert_eq!(spools.memory.used(), 750);
    drop(held);
    assert_eq!(spools.memory.used(), 250);
}

/// A principal at its bound gives up what its own uploads keep, and nothing of a neighbour's.
#[tokio::test(start_paused = true)]
async fn a_full_share_takes_back_only_what_is_its_own() {
    let spools = Arc::new(Spools::new(Limits {
        memory_of_one: 100_000,
        ..spools(90_000, 400_000, 0, 0).limits.load().as_ref().clone()
    }));
    let mut kept = Vec::new();
    for who in ["another", "me"] {
        let (mut writer, reader) = spools.to_link(&Principal::new(who));
        writer.write(bytes(90_000)).await.unwrap();
        let mut source = reader.source();
        assert_eq!(replay(&mut source, 0).await.len(), 90_000);
        kept.push((writer, reader, source));
    }
    let (mut writer, _reader) = spools.to_link(&me());
    timeout(STALL, writer.write(bytes(60_000)))
        .await
        .unwrap()
        .unwrap();
    let [another, mine] = [0, 1].map(|at| kept[at].1.spool.kept.len());
    assert!(another == 90_000 && mine < 50_000, "{another} {mine}");
}

#[tokio::test(start_paused = true)]
async fn what_fits_in_memory_makes_no_file() {
    let spools = spools(1000, 1000, 1000, 1000);
    let (mut writer, mut reader) = spools.from_link(&me(), STALL);
    writer.write(bytes(1000)).await.unwrap();
    writer.end();
    assert!(writer.spool.state().ring.is_none());
    assert_eq!(
        read_all(&mut reader).await,
        (bytes(1000).to_vec(), Spooled::End)
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_goes_to_disk_and_all_is_given_back() {
    let spools = spools(10, 10, 100, 100);
    let (mut writer, mut reader) = spools.from_link(&me(), STALL);
    for part in [10, 60, 40] {
        writer.write(bytes(part)).await.unwrap();
    }
    assert_eq!((spools.memory.rest(), spools.disk.rest()), (0, 0));
    writer.end();
    let (all, end) = read_all(&mut reader).await;
    assert_eq!((all.len(), end), (110, Spooled::End));
    drop((writer, reader));
    assert_eq!((spools.memory.rest(), spools.disk.rest()), (10, 100));
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_its_reader_and_gives_up_on_one_that_stalls() {
    let spools = spools(10, 10, 0, 0);
    let (mut writer, mut reader) = spools.from_link(&me(), STALL);
    writer.write(bytes(10)).await.unwrap();
    let (written, ()) = tokio::join!(writer.write(bytes(10)), async {
        sleep(STALL - Duration::from_secs(1)).await;
        assert!(matches!(reader.read().await.unwrap(), Spooled::Data(_)));
    });
    written.unwrap();
    let began = crate::modem::clock::now();
    assert!(matches!(
        writer.write(bytes(10)).await,
        Err(WriteError::Stalled)
    ));
    assert_eq!(began.elapsed(), STALL);
}

#[tokio::test(start_paused = true)]
async fn a_spool_that_is_empty_takes_a_chunk_though_others_have_taken_everything() {
    let spools = spools(10, 10, 0, 0);
    let (mut greedy, _kept) = spools.to_link(&me());
    greedy.write(bytes(10)).await.unwrap();
    let (mut writer, mut reader) = spools.to_link(&me());
    let whole = bytes(5 * MAX_CHUNK);
    let (written, (all, end)) = tokio::join!(
        async {
            writer.write(whole.clone()).await.unwrap();
            writer.end();
        },
        read_all(&mut reader)
    );
    let () = written;
    assert_eq!(end, Spooled::End);
    assert!(all == whole);
    assert_eq!(
        spools.memory.rest(),
        0,
        "what was never taken is not given back"
    );
}

#[tokio::test(start_paused = true)]
async fn room_that_another_spool_gives_back_is_found() {
    let spools = spools(10, 10, 0, 0);
    let (mut first, first_reader) = spools.to_link(&me());
    first.write(bytes(9)).await.unwrap();
    let (mut second, _reader) = spools.to_link(&me());
    second.write(bytes(1)).await.unwrap();
    let (written, ()) = tokio::join!(timeout(STALL, second.write(bytes(5))), async {
        sleep(Duration::from_secs(1)).await;
        drop(first_reader);
    });
    written.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_leaves_without_a_word_breaks_the_spool() {
    let spools = spools(10, 10, 0, 0);
    let (mut writer, mut reader) = spools.to_link(&me());
    writer.write(bytes(3)).await.unwrap();
    drop(writer);
    assert_eq!(
        read_all(&mut reader).await,
        (bytes(3).to_vec(), Spooled::Broken)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_is_noticed_and_frees_everything() {
    let spools = spools(10, 10, 100, 100);
    let (mut writer, reader) = spools.from_link(&me(), STALL);
    writer.write(bytes(10)).await.unwrap();
    writer.write(bytes(50)).await.unwrap();
    drop(reader);
    assert!(matches!(
        writer.write(bytes(1)).await,
        Err(WriteError::Gone)
    ));
    assert!(writer.drained(STALL).await);
    assert_eq!((spools.memory.rest(), spools.disk.rest()), (10, 100));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_fetched_in_time_is_thrown_away() {
    let spools = spools(100, 100, 0, 0);
    let (mut writer, mut reader) = spools.from_link(&me(), STALL);
    writer.write(bytes(40)).await.unwrap();
    writer.end();
    assert!(!writer.drained(STALL).await);
    assert_eq!(reader.read().await.unwrap(), Spooled::Broken);
    assert_eq!(spools.memory.rest(), 100);
}

/// A reader that keeps up: the memory that all share is asked for once, and given back at the end.
#[tokio::test(start_paused = true)]
async fn a_reader_that_keeps_up_takes_one_step_of_memory() {
    let spools = spools(1 << 20, 1 << 20, 0, 0);
    let (mut writer, mut reader) = spools.from_link(&me(), STALL);
    for _ in 0..100 {
        writer.write(bytes(1480)).await.unwrap();
        assert_eq!(spools.memory.used(), STEP);
        assert!(matches!(reader.read().await.unwrap(), Spooled::Data(_)));
        assert_eq!(spools.memory.used(), STEP);
    }
    drop((writer, reader));
    assert_eq!(spools.memory.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn single_bytes_share_their_memory() {
    let spools = spools(1000, 1000, 0, 0);
    let (mut writer, _reader) = spools.to_link(&me());
    for _ in 0..1000 {
        writer.write(bytes(1)).await.unwrap();
    }
    assert_eq!(writer.spool.state().memory.len(), 1);
}

use crate::modem::source::{Source, Supply};
use simcom_talk::dialogue::operation::Piece;

/// Reads the source from a position on, until it waits or ends.
async fn replay(source: &mut Replay, from: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(supply) = timeout(STALL, source.piece((from + all.len()) as u64)).await {
        match supply {
            Supply::Piece(Piece::Data(bytes)) => {
                assert!((1..=PIECE).contains(&bytes.len()));
                all.extend_from_slice(&bytes);
            }
            _ => break,
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn what_was_read_can_be_asked_for_again_from_any_byte() {
    let spools = spools(200_000, 200_000, 0, 0);
    let (mut writer, reader) = spools.to_link(&me());
    writer.write(bytes(100_000)).await.unwrap();
    writer.end();
    let mut source = reader.source();
    for from in [0, 1, 4096, 50_001, 99_999, 100_000] {
        assert!(
            replay(&mut source, from).await == bytes(100_000)[from..],
            "{from}"
        );
    }
    assert_eq!(source.piece(100_001).await, Supply::Forgotten);
    assert!(reader.pin());
    drop((writer, reader, source));
    assert_eq!(spools.memory.rest(), 200_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_given_back_at_once_when_another_spool_needs_it() {
    let spools = spools(100_000, 100_000, 0, 0);
    let (mut writer, reader) = spools.to_link(&me());
    writer.write(bytes(90_000)).await.unwrap();
    let mut source = reader.source();
    assert_eq!(replay(&mut source, 0).await.len(), 90_000);
    assert!(spools.memory.rest() <= 10_000);
    let (mut other, _reads) = spools.to_link(&me());
    timeout(STALL, other.write(bytes(80_000)))
        .await
        .unwrap()
        .unwrap();
    assert!(spools.memory.rest() < 12_000);
    assert_eq!(source.piece(0).await, Supply::Forgotten);
    assert!(!reader.pin(), "the first byte is gone");
    // The tail is always kept.
    let from = 90_000 - usize::try_from(kept::TAIL).unwrap();
    assert!(replay(&mut source, from).await == bytes(90_000)[from..]);
}

#[tokio::test(start_paused = true)]
async fn what_is_pinned_is_not_given_away_and_yet_nothing_grows_beyond_the_bounds() {
    let spools = spools(400_000, 400_000, 0, 0);
    let (mut writer, reader) = spools.to_link(&me());
    let writing = async {
        for _ in 0..100 {
            writer.write(bytes(50_000)).await.unwrap();
        }
        writer.end();
    };
    let reading = async {
        let mut source = reader.source();
        let mut at = 0;
        loop {
            let Supply::Piece(Piece::Data(piece)) = source.piece(at).await else {
                break;
            };
            at += piece.len() as u64;
            if at == 200_704 {
                assert!(reader.pin());
            }
            assert!(reader.spool.kept.len() + reader.spool.state().in_memory <= 400_000);
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(at, 5_000_000);
    };
    tokio::join!(writing, reading);
}

async fn seen_to_trickle(reader: &Reader) {
    loop {
        reader.drained().await;
        if !reader.comes(Duration::from_secs(2), 8192).await {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_trickles_is_told_from_one_that_keeps_up_with_the_link() {
    for (pause, trickles) in [(10, false), (1000, true)] {
        let spools = spools(100_000, 100_000, 0, 0);
        let (mut writer, reader) = spools.to_link(&me());
        let mut source = reader.source();
        let writing = async {
            loop {
                writer.write(bytes(100)).await.unwrap();
                sleep(Duration::from_millis(pause)).await;
            }
        };
        let reading = async { while replay(&mut source, 0).await.is_empty() {} };
        let seen = tokio::select! {
            () = writing => unreachable!(),
            () = async { reading.await; std::future::pending().await } => unreachable!(),
            () = seen_to_trickle(&reader) => true,
            () = sleep(Duration::from_secs(20)) => false,
        };
        assert_eq!(seen, trickles, "{pause} ms");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For all sizes, bounds and paces: the bytes come out as they went in.
    #[test]
    fn bytes_come_out_as_they_went_in(
        parts in prop::collection::vec(1_usize..40, 1..40),
        pauses in prop::collection::vec(0_u64..3, 40),
        memory in 0_u64..60,
        disk in 0_u64..60,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let whole = bytes(parts.iter().sum());
        let all = runtime.block_on(async {
            let spools = spools(memory, memory, disk, disk);
            let (mut writer, mut reader) = spools.open(&me(), disk, None);
            let mut left = whole.clone();
            let writing = async {
                for (part, pause) in parts.iter().zip(&pauses) {
                    writer.write(left.split_to(*part)).await.unwrap();
                    assert!(spools.memory.rest() <= memory && spools.disk.rest() <= disk);
                    sleep(Duration::from_secs(*pause)).await;
                }
                writer.end();
            };
            let reading = async {
                let mut all = Vec::new();
                for pause in pauses.iter().rev().cycle() {
                    match reader.read().await.unwrap() {
                        Spooled::Data(chunk) => all.extend_from_slice(&chunk),
                        end => {
                            assert_eq!(end, Spooled::End);
                            break;
                        }
                    }
                    sleep(Duration::from_secs(*pause)).await;
                }
                all
            };
            let ((), all) = tokio::join!(writing, reading);
            drop((writer, reader));
            assert_eq!((spools.memory.rest(), spools.disk.rest()), (memory, disk));
            all
        });
        prop_assert_eq!(all, whole);
    }
}

/// Each upload left a hundred bytes until the next one, between the memory that its call freed.
#[tokio::test]
async fn an_upload_that_is_over_leaves_nothing_behind() {
    let spools = spools(1 << 20, 1 << 20, 0, 0);
    let uploads: Vec<_> = (0..10).map(|_| spools.to_link(&me())).collect();
    assert_eq!(spools.keepers().len(), 10);
    drop(uploads);
    assert_eq!(spools.keepers().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_told_when_half_is_read_or_nothing_is() {
    let spools = spools(1 << 20, 1 << 20, 0, 0);
    let (mut writer, mut reader) = spools.from_link(&me(), STALL);
    for _ in 0..4 {
        writer.write(bytes(MAX_CHUNK)).await.unwrap();
    }
    let gauge = writer.gauge();
    let mut half = pin!(gauge.half_taken(STALL));
    for _ in 0..2 {
        assert!(futures_util::poll!(&mut half).is_pending());
        reader.read().await.unwrap();
    }
    assert!(half.await);
    assert!(!gauge.half_taken(STALL).await, "nobody reads");
    drop(reader);
    assert!(gauge.half_taken(STALL).await, "nobody wants it");
}
