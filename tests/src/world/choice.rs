//! Plans by chance: what proptest looks through, and what a seed stands for.

use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::AGENTS;
use super::plan::{Act, Crash, DiskTurn, Outcome, Plan, Poison};

impl Plan {
    /// Plans in which everything happens but a crash: one life of the machine.
    pub fn of_one_life() -> impl Strategy<Value = Self> {
        plan(acts(act().boxed()))
    }

    /// Plans in which everything happens.
    pub fn of_many_lives() -> impl Strategy<Value = Self> {
        let often = prop_oneof![8 => act(), 1 => end()];
        let seldom = prop_oneof![60 => act(), 1 => end()];
        plan(prop_oneof![acts(act().boxed()), acts(seldom.boxed()), acts(often.boxed())])
    }

    /// The plan that a seed stands for: one of those in which everything happens.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let tree = Self::of_many_lives().new_tree(&mut runner_of(seed));
        tree.expect("nothing is filtered out").current()
    }
}

/// The source of chance that a seed stands for; it draws a seed's plan first.
#[must_use]
pub fn runner_of(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config =
        Config { failure_persistence: None, max_shrink_iters: 20_000, cases: 1, ..Config::default() };
    TestRunner::new_with_rng(config, rng)
}

fn plan(acts: impl Strategy<Value = Vec<(u16, Act)>>) -> impl Strategy<Value = Plan> {
    let room = prop_oneof![1 => 1..6usize, 3 => Just(10_000usize)];
    let relay = (any::<bool>(), any::<bool>(), any::<bool>());
    (any::<u8>(), relay, room, acts, outcomes(), disk_turns()).prop_map(
        |(seed, (is_modern, keeps_sessions, has_streams), room, acts, outcomes, disk)| Plan {
            seed,
            is_modern,
            keeps_sessions,
            has_streams,
            room,
            acts,
            outcomes,
            disk,
        },
    )
}

fn acts(act: BoxedStrategy<Act>) -> BoxedStrategy<Vec<(u16, Act)>> {
    let pause = prop_oneof![4 => 0..5u16, 2 => 0..300u16, 1 => 0..5000u16];
    prop::collection::vec((pause, act), 1..40).boxed()
}

/// Some relays are hardly ever in a bad mood, some nearly always: what one fault hides another run shows.
fn outcomes() -> impl Strategy<Value = Vec<Outcome>> {
    let moods = |good: u32| {
        let mood = prop_oneof![good => well(), 1 => trouble()];
        prop::collection::vec(mood, 0..40).boxed()
    };
    prop_oneof![moods(20), moods(4), moods(1)]
}

fn disk_turns() -> impl Strategy<Value = Vec<DiskTurn>> {
    let turns = |good: u32| {
        let turn = prop_oneof![good => stores(), 1 => fails()];
        prop::collection::vec(turn, 0..40).boxed()
    };
    prop_oneof![prop::collection::vec(stores(), 0..40).boxed(), turns(20), turns(3)]
}

fn poison() -> impl Strategy<Value = Poison> {
    prop_oneof![
        12 => Just(Poison::None),
        1 => Just(Poison::Error),
        1 => Just(Poison::IsError),
        1 => Just(Poison::BadRequest),
        1 => Just(Poison::InputRequired),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![32 => work(), 6 => runner(), 12 => fate()]
}

/// What agents do.
fn work() -> impl Strategy<Value = Act> {
    let agent = || 0..AGENTS;
    let write = (agent(), any::<bool>(), poison());
    prop_oneof![
        4 => agent().prop_map(Act::Hello),
        1 => agent().prop_map(Act::Initialized),
        4 => agent().prop_map(Act::List),
        2 => agent().prop_map(Act::Read),
        1 => agent().prop_map(Act::Ping),
        10 => write.prop_map(|(agent, has_key, poison)| Act::Write { agent, has_key, poison }),
        3 => (0..8usize).prop_map(Act::Repeat),
        3 => agent().prop_map(Act::Stream),
        2 => agent().prop_map(Act::Listen),
        1 => agent().prop_map(Act::Delete),
        2 => (0..8usize).prop_map(Act::Leave),
    ]
}

/// What the runner does, and whoever looks after the outbox.
fn runner() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => any::<bool>().prop_map(Act::Context),
        1 => Just(Act::Refresh),
        1 => Just(Act::Token),
        1 => (0..8usize).prop_map(Act::Retry),
        1 => (0..8usize).prop_map(Act::Discard),
    ]
}

/// What befalls the relay, the disk and the clock.
fn fate() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::RelayToken),
        2 => Just(Act::Menu),
        1 => Just(Act::Forget),
        3 => (1..20_000u16).prop_map(Act::Outage),
        2 => (1..30_000u16).prop_map(Act::Silence),
        2 => (1..20_000u16).prop_map(Act::Restart),
        2 => Just(Act::Notify),
        1 => (1..20_000u16).prop_map(Act::FullDisk),
        1 => (1..600_000u32).prop_map(Act::Sleep),
        1 => any::<u64>().prop_map(Act::Stale),
    ]
}

/// How a life of the machine ends.
fn end() -> impl Strategy<Value = Act> {
    let kept = prop_oneof![3 => 0..4usize, 1 => Just(usize::MAX)];
    let clock = || prop_oneof![4 => Just(0), 1 => -4_000_000..4_000_000i32, 1 => any::<i32>()];
    let crash =
        (0..6u8, 0..5u8, kept, any::<bool>(), clock()).prop_map(|(steps, actions, kept, arrives, clock)| {
            Act::Crash(Crash { steps, actions, kept, arrives, clock })
        });
    prop_oneof![4 => crash, 1 => clock().prop_map(Act::Shutdown)]
}

fn well() -> impl Strategy<Value = Outcome> {
    let well = (any::<bool>(), 1..400usize);
    let drips = (any::<bool>(), 2..6u8, 0..2_000u16);
    prop_oneof![
        6 => well.prop_map(|(is_stream, piece)| Outcome::Well { is_stream, piece }),
        1 => drips.prop_map(|(is_stream, pieces, every)| Outcome::Drips { is_stream, pieces, every }),
        1 => (1..300u16).prop_map(Outcome::Slow),
    ]
}

fn trouble() -> impl Strategy<Value = Outcome> {
    let gateway = (any::<bool>(), prop::option::of(0..9u8));
    let how = || (any::<bool>(), any::<bool>());
    prop_oneof![
        2 => (1..12_000u16).prop_map(Outcome::Slow),
        2 => (1..30_000u16).prop_map(Outcome::Late),
        3 => Just(Outcome::Refused),
        2 => gateway.prop_map(|(is_done, retry_after)| Outcome::Gateway { is_done, retry_after }),
        3 => how().prop_map(|(is_done, has_head)| Outcome::Lost { is_done, has_head }),
        1 => any::<bool>().prop_map(|is_done| Outcome::Hang { is_done }),
        1 => how().prop_map(|(is_done, has_head)| Outcome::HalfOpen { is_done, has_head }),
        1 => any::<bool>().prop_map(|is_stream| Outcome::Twice { is_stream }),
        1 => (0..9u8).prop_map(Outcome::Busy),
        1 => Just(Outcome::Broken),
        1 => Just(Outcome::Forgets),
    ]
}

fn stores() -> impl Strategy<Value = DiskTurn> {
    (pause(), any::<bool>()).prop_map(|(after, all)| DiskTurn::Stores { after, all })
}

fn fails() -> impl Strategy<Value = DiskTurn> {
    (pause(), any::<bool>()).prop_map(|(after, all)| DiskTurn::Fails { after, all })
}

fn pause() -> impl Strategy<Value = u16> {
    prop_oneof![3 => 0..5u16, 1 => 0..3000u16]
}
