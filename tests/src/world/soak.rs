//! Many minutes of work beside a relay that comes and goes.

use super::plan::{Act, DiskTurn, Outcome, Plan, Poison};
use super::run::AGENTS;
use crate::seeded::Seeded;

/// How long agents rest between two things that they do, in milliseconds: at the most, all of them together.
const REST: u64 = 200;

impl Plan {
    /// So many minutes, of which each seed makes others: agents of both eras work on while the relay dies and
    /// returns, forgets its sessions, and answers late, wrongly, twice or not at all.
    #[must_use]
    pub fn soak(seed: u64, minutes: u64) -> Self {
        let mut chance = Seeded::new(seed);
        let (mut acts, mut now) = (greetings(), 0);
        let mut next_restart = 10_000;
        while now < minutes * 60_000 {
            let rest = chance.below(REST) + 1;
            now += rest;
            acts.push((rest as u16, work(&mut chance)));
            if chance.below(400) == 0 {
                // Another token, which the relay takes a little later than the proxy.
                acts.extend([(0, Act::Token), (500, Act::RelayToken)]);
                now += 500;
            }
            if now >= next_restart {
                let away = restart(&mut chance, &mut acts);
                next_restart = now + u64::from(away) + 1_000 + chance.below(20_000);
            }
        }
        // More than there are calls: the relay never runs out of moods.
        let calls = 5 * acts.len();
        Self {
            seed: seed as u8,
            is_modern: true,
            keeps_sessions: true,
            has_streams: true,
            room: 10_000,
            outcomes: (0..calls).map(|_| mood(&mut chance)).collect(),
            disk: (0..calls).map(|_| disk(&mut chance)).collect(),
            acts,
        }
    }
}

/// Everybody says hello, looks at the menu, and listens.
fn greetings() -> Vec<(u16, Act)> {
    let all = 0..AGENTS;
    let hellos = all.clone().flat_map(|agent| [(20, Act::Hello(agent)), (20, Act::Initialized(agent))]);
    let looks = all.clone().map(|agent| (20, Act::List(agent)));
    let streams = all.map(|agent| (20, if agent % 2 == 0 { Act::Stream(agent) } else { Act::Listen(agent) }));
    hellos.chain(looks).chain(streams).collect()
}

/// What somebody does.
fn work(chance: &mut Seeded) -> Act {
    let agent = chance.below(AGENTS as u64) as usize;
    let any = chance.next_u64() as usize;
    match chance.below(100) {
        0..20 => Act::List(agent),
        20..45 => Act::Read(agent),
        45..55 => Act::Ping(agent),
        55..80 => Act::Write { agent, has_key: any.is_multiple_of(2), poison: poison(chance) },
        80..82 => Act::Repeat(any),
        82..86 => Act::Notify,
        86..88 => Act::Stream(agent),
        88..90 => Act::Listen(agent),
        90..93 => Act::Leave(any),
        93 => Act::Hello(agent),
        94 => Act::Menu,
        95 => Act::Context(any.is_multiple_of(2)),
        96 => Act::Refresh,
        97 => Act::Forget,
        _ => Act::Retry(any),
    }
}

fn poison(chance: &mut Seeded) -> Poison {
    match chance.below(100) {
        0 => Poison::Error,
        1 => Poison::IsError,
        2 => Poison::BadRequest,
        3 => Poison::InputRequired,
        _ => Poison::None,
    }
}

/// The relay dies, or hangs; mostly it is back soon, now and then with another menu. How long it is away.
fn restart(chance: &mut Seeded, acts: &mut Vec<(u16, Act)>) -> u16 {
    let most = [50, 500, 5_000, 20_000][chance.below(4) as usize];
    let away = 1 + chance.below(most) as u16;
    let is_silent = chance.below(4) == 0;
    acts.push((0, if is_silent { Act::Silence(away) } else { Act::Restart(away) }));
    if chance.below(3) == 0 {
        acts.push((0, Act::Menu));
    }
    away
}

/// How the relay takes a call.
fn mood(chance: &mut Seeded) -> Outcome {
    let any = chance.next_u64();
    match chance.below(1000) {
        0..930 => Outcome::Well { is_stream: any.is_multiple_of(3), piece: 1 + (any % 400) as usize },
        930..965 => Outcome::Slow(chance.below(300) as u16),
        965..970 => Outcome::Slow(chance.below(12_000) as u16),
        970..976 => Outcome::Refused,
        976..982 => Outcome::Gateway { is_done: any.is_multiple_of(2), retry_after: None },
        982..990 => Outcome::Lost { is_done: true, has_head: any.is_multiple_of(2) },
        990..994 => Outcome::Hang { is_done: any.is_multiple_of(2) },
        994..997 => Outcome::Busy((any % 3) as u8),
        997 => Outcome::Broken,
        _ => Outcome::Forgets,
    }
}

/// How the disk takes a batch.
fn disk(chance: &mut Seeded) -> DiskTurn {
    let after = if chance.below(50) == 0 { chance.below(3_000) } else { chance.below(5) } as u16;
    match chance.below(300) {
        0 => DiskTurn::Fails { after, all: false },
        any => DiskTurn::Stores { after, all: any.is_multiple_of(2) },
    }
}
