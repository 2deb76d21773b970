//! The simulator's world, with a plan that is read out of any bytes. What holds is what the simulator checks: section 9 of
//! the contract, at every step and when all has come to rest.

use relay_mcp_tests::simulation::run;
use relay_mcp_tests::world::{Act, Crash, DiskTurn, Outcome, Plan, Poison};

/// Runs the plan that the bytes stand for.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    run(plan(Bytes(bytes)), None);
}

/// How many agents there are in the world.
const AGENTS: u64 = 4;

/// The most things of each kind in a plan, so that a run is short.
const MOST: usize = 30;

/// Bytes that are drawn one after the other; when they are used up, zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn is(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn number(&mut self) -> u64 {
        u64::from(self.byte()) << 8 | u64::from(self.byte())
    }

    /// A number below the bound.
    fn below(&mut self, bound: u64) -> u64 {
        if bound <= 256 { u64::from(self.byte()) % bound } else { self.number() % bound }
    }

    fn agent(&mut self) -> usize {
        self.below(AGENTS) as usize
    }

    /// Milliseconds: mostly few.
    fn pause(&mut self) -> u16 {
        match self.byte() {
            short @ 0..192 => u16::from(short) % 8,
            long => (u16::from(long) - 191) * 80,
        }
    }

    /// Milliseconds up to half a minute.
    fn while_(&mut self) -> u16 {
        1 + (self.number() % 30_000) as u16
    }

    /// Things of one kind, interleaved with those of others by the byte that ends them.
    fn all<Thing>(&mut self, draw: impl Fn(&mut Self) -> Thing) -> Vec<Thing> {
        let mut things = Vec::new();
        while !self.0.is_empty() && things.len() < MOST {
            if self.0[0] == 0xff {
                self.byte();
                break;
            }
            things.push(draw(self));
        }
        things
    }
}

fn plan(mut bytes: Bytes<'_>) -> Plan {
    let flags = bytes.byte();
    Plan {
        seed: bytes.byte(),
        is_modern: flags & 1 != 0,
        keeps_sessions: flags & 2 != 0,
        has_streams: flags & 4 != 0,
        room: if flags & 8 != 0 { 1 + usize::from(flags >> 4) % 5 } else { 10_000 },
        acts: bytes.all(|bytes| {
            let act = act(bytes);
            (bytes.pause(), act)
        }),
        outcomes: bytes.all(outcome),
        disk: bytes.all(disk),
    }
}

fn act(bytes: &mut Bytes<'_>) -> Act {
    match bytes.byte() % 32 {
        0 => Act::Hello(bytes.agent()),
        1 => Act::Initialized(bytes.agent()),
        2 => Act::List(bytes.agent()),
        3 => Act::Read(bytes.agent()),
        4 => Act::Ping(bytes.agent()),
        5..9 => Act::Write { agent: bytes.agent(), has_key: bytes.is(), poison: poison(bytes) },
        9 => Act::Repeat(bytes.below(8) as usize),
        10 => Act::Stream(bytes.agent()),
        11 => Act::Listen(bytes.agent()),
        12 => Act::Delete(bytes.agent()),
        13 => Act::Leave(bytes.below(8) as usize),
        14 => Act::Context(bytes.is()),
        15 => Act::Refresh,
        16 => Act::Token,
        17 => Act::RelayToken,
        18 => Act::Menu,
        19 => Act::Forget,
        20 => Act::Outage(bytes.while_()),
        21 => Act::Silence(bytes.while_()),
        22 => Act::Restart(bytes.while_()),
        23 => Act::Notify,
        24 => Act::FullDisk(bytes.while_()),
        25 => Act::Crash(Crash {
            steps: bytes.byte() % 6,
            actions: bytes.byte() % 5,
            kept: kept(bytes),
            arrives: bytes.is(),
            clock: clock(bytes),
        }),
        26 => Act::Shutdown(clock(bytes)),
        27 => Act::Sleep(u32::from(bytes.while_()) * 20),
        28 => Act::Stale(bytes.number()),
        29 => Act::Retry(bytes.below(8) as usize),
        30 => Act::Discard(bytes.below(8) as usize),
        _ => Act::List(bytes.agent()),
    }
}

fn poison(bytes: &mut Bytes<'_>) -> Poison {
    match bytes.byte() {
        0..200 => Poison::None,
        200..214 => Poison::Error,
        214..228 => Poison::IsError,
        228..242 => Poison::BadRequest,
        242..=255 => Poison::InputRequired,
    }
}

fn kept(bytes: &mut Bytes<'_>) -> usize {
    match bytes.byte() % 5 {
        4 => usize::MAX,
        few => usize::from(few),
    }
}

/// By how many milliseconds a clock is set.
fn clock(bytes: &mut Bytes<'_>) -> i32 {
    match bytes.byte() % 4 {
        0 => i32::from_be_bytes([bytes.byte(), bytes.byte(), bytes.byte(), bytes.byte()]),
        1 => bytes.number() as i32 * 60 - 2_000_000,
        _ => 0,
    }
}

fn outcome(bytes: &mut Bytes<'_>) -> Outcome {
    let is_stream = bytes.is();
    match bytes.byte() % 16 {
        0..4 => Outcome::Well { is_stream, piece: 1 + bytes.below(256) as usize },
        4 => Outcome::Slow(bytes.while_()),
        5 => Outcome::Refused,
        6 => {
            let retry_after = bytes.is().then(|| bytes.byte() % 9);
            Outcome::Gateway { is_done: bytes.is(), retry_after }
        }
        7 => Outcome::Lost { is_done: bytes.is(), has_head: bytes.is() },
        8 => Outcome::Hang { is_done: bytes.is() },
        9 => Outcome::HalfOpen { is_done: bytes.is(), has_head: bytes.is() },
        10 => Outcome::Drips { is_stream, pieces: 2 + bytes.byte() % 4, every: bytes.pause() },
        11 => Outcome::Twice { is_stream },
        12 => Outcome::Late(bytes.while_()),
        13 => Outcome::Busy(bytes.byte() % 9),
        14 => Outcome::Broken,
        _ => Outcome::Forgets,
    }
}

fn disk(bytes: &mut Bytes<'_>) -> DiskTurn {
    let (after, all) = (bytes.pause() % 3_000, bytes.is());
    match bytes.byte() % 8 {
        0 => DiskTurn::Fails { after, all },
        _ => DiskTurn::Stores { after, all },
    }
}
