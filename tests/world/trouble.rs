//! What goes wrong in a world, and which other programs write on its servers.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::disk::Mood;
use crate::net::Trouble;
use crate::oracle::At;
use crate::plan::KINDS;
use crate::world::{World, step_wall};
use simcom_emulator::{Effect, Phase, Stuck};

/// Files that clients and others share on each server, in addition to a directory of them.
pub(crate) const SHARED: [&str; 5] = ["/a.csv", "/b.bin", "/report.bin", "/d/a", "/d/log.txt"];

/// Starts the troubles of a life.
pub(crate) fn start(world: &Arc<World>, life: usize) -> Vec<JoinHandle<()>> {
    let kinds = KINDS.into_iter().filter(|kind| world.plan.has(kind));
    kinds
        .map(|kind| {
            let world = Arc::clone(world);
            let mut random = world.plan.random(kind, life);
            tokio::spawn(async move {
                let calm = world.plan.calm.as_millis() as u64;
                // Others write more often than things break.
                let calm = if kind == "others" { calm / 4 } else { calm };
                loop {
                    sleep(Duration::from_millis(random.u64(..calm * 2))).await;
                    befall(&world, kind, &mut random).await;
                }
            })
        })
        .collect()
}

/// A caretaker of the module: cuts its power where it stays silent and nobody else has. A silence that
/// was planned for a later upload may come in the next life, when the actor that planned it has gone.
pub(crate) async fn look_after(world: Arc<World>) {
    // Longer than most actors that silence it take to cut its power.
    let patience = Duration::from_secs(120);
    let mut was_hung = false;
    loop {
        sleep(patience).await;
        let is_hung = world.module().is_hung();
        if was_hung && is_hung {
            cut_power(&world);
        }
        was_hung = is_hung;
    }
}

fn cut_power(world: &World) {
    let now = world.now();
    world.note("the module's power is cut");
    world.module().power_cycle(now);
    world.poke.notify_one();
}

async fn befall(world: &World, kind: &str, random: &mut fastrand::Rng) {
    match kind {
        "others" => write(world, random),
        "servers" => {
            let trouble = match random.u8(..8) {
                0 => Trouble::Closed,
                1 | 2 => Trouble::Store,
                3 if !world.plan.without_size => Trouble::ShortList,
                3 => Trouble::Login,
                4 | 5 => Trouble::Cut,
                6 if world.plan.has("others") => Trouble::Replaced,
                _ => Trouble::Late(Duration::from_millis(random.u64(100..20_000))),
            };
            world.note(&format!("trouble: {trouble:?}"));
            world.module().net.trouble(trouble);
        }
        "line" => {
            let many = random.u32(1..30);
            let loses = world.plan.loses;
            if loses && random.u8(..3) == 0 {
                // The end mark, and most often as many bytes before it as a resynchronisation writes.
                let lost = if random.bool() {
                    10
                } else {
                    random.usize(1..12)
                };
                world.note(&format!(
                    "trouble: the last {lost} bytes of an upload are lost"
                ));
                world.module().loses_end = Some(lost);
                return;
            }
            let effect = if loses {
                Effect::Lose(many)
            } else {
                Effect::Duplicate(many)
            };
            world.note(&format!("trouble: {effect:?}"));
            let now = world.now();
            match random.u8(..2) {
                0 => world.module().inject(now, effect),
                _ => {
                    let (ahead, at) = (random.u32(1..4), random.u64(..6000));
                    world.module().spoil_put(ahead, Phase::InData(at), effect);
                }
            }
        }
        "module" => module(world, random).await,
        "disk" => disk(world, random).await,
        "clock" => {
            let years = [-2, -1, 0, 0, 1, 5][random.usize(..6)];
            let days = random.i64(-40..40);
            world.note(&format!(
                "trouble: the wall clock is {years} years and {days} days off"
            ));
            step_wall((years * 365 + days) * 86_400);
        }
        _ => {}
    }
}

async fn module(world: &World, random: &mut fastrand::Rng) {
    if random.u8(..3) == 0 {
        return after_data(world, random).await;
    }
    let effect = match random.u8(..6) {
        0 => Effect::Silence,
        1 => Effect::Reboot,
        2 => Effect::PdnDeactivated,
        3 => Effect::Hangup,
        4 => Effect::Stuck([Stuck::Context, Stuck::Radio, Stuck::Stack][random.usize(..3)]),
        _ => Effect::PeerClosed,
    };
    world.note(&format!("trouble: {effect:?}"));
    let silent = effect == Effect::Silence;
    let now = world.now();
    if effect == Effect::PeerClosed {
        let mut module = world.module();
        module.net.close_session(now, &mut world.oracle());
    }
    world.module().inject(now, effect);
    world.poke.notify_one();
    if silent {
        // Somebody cuts its power.
        sleep(Duration::from_secs(random.u64(5..120))).await;
        cut_power(world);
    }
}

/// A fault right behind the last byte of one of the next files.
async fn after_data(world: &World, random: &mut fastrand::Rng) {
    let effect = [Effect::Silence, Effect::PeerClosed, Effect::Reboot][random.usize(..3)].clone();
    let ahead = random.u32(1..4);
    world.note(&format!(
        "trouble: {effect:?} at the end of upload {ahead} from now"
    ));
    let silent = effect == Effect::Silence;
    world.module().spoil_put(ahead, Phase::AfterData, effect);
    if silent {
        sleep(Duration::from_secs(random.u64(60..200))).await;
        cut_power(world);
    }
}

async fn disk(world: &World, random: &mut fastrand::Rng) {
    let mood = match random.u8(..4) {
        0 => Mood {
            full: true,
            ..world.well()
        },
        1 => Mood {
            read_only: true,
            ..world.well()
        },
        2 => Mood {
            fails_one_in: random.u32(3..40),
            ..world.well()
        },
        _ => Mood {
            slow: Duration::from_millis(random.u64(10..3000)),
            ..Mood::default()
        },
    };
    world.note(&format!("trouble: {mood:?}"));
    world.disk.set_mood(mood);
    sleep(Duration::from_millis(random.u64(100..60_000))).await;
    world.note("the disk is well");
    world.disk.set_mood(world.well());
}

/// Another program writes on a server.
fn write(world: &World, random: &mut fastrand::Rng) {
    let now = world.now();
    let host = random.usize(..2);
    let at: At = (host, SHARED[random.usize(..SHARED.len())].to_owned());
    let mut module = world.module();
    let mut oracle = world.oracle();
    let old = module.net.file(&at);
    let len = if random.bool() {
        random.usize(1..20)
    } else {
        random.usize(20..4000)
    };
    let mut writes = |content_of: Option<Vec<u8>>| {
        let id = oracle.others(&at, len, now);
        let mut all = content_of.unwrap_or_default();
        all.extend_from_slice(&oracle.writer(id).content);
        oracle.note(
            now,
            &format!("others: write {id} to {at:?}, {} bytes", all.len()),
        );
        module.net.change(&at, now, Some(all), &mut oracle);
    };
    match (random.u8(..6), old) {
        (0 | 1, None) => writes(None),
        (0, Some(old)) => writes(Some(old)),
        (1, Some(_)) => writes(None),
        (2, Some(_)) => {
            oracle.note(now, &format!("others: delete {at:?}"));
            module.net.change(&at, now, None, &mut oracle);
        }
        (3, Some(_)) => {
            let server = module.net.server(host);
            if server.knows_size {
                oracle.note(now, &format!("others: hide {at:?}"));
                server.hidden.insert(at.1.into_bytes());
            }
        }
        (4, Some(_)) => {
            oracle.note(now, &format!("others: show {at:?}"));
            module.net.server(host).hidden.remove(at.1.as_bytes());
        }
        _ => {}
    }
}
