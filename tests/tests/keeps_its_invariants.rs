//! Whatever agents, relay, disk and fate do, in whatever order: the invariants of section 9 hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use proptest::prelude::*;
use relay_mcp_tests::world::{Act, DiskTurn, Outcome, Plan, Poison, World};

const AGENTS: usize = 4;

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
    let agent = 0..AGENTS;
    prop_oneof![
        4 => agent.clone().prop_map(Act::Hello),
        1 => agent.clone().prop_map(Act::Initialized),
        4 => agent.clone().prop_map(Act::List),
        2 => agent.clone().prop_map(Act::Read),
        1 => agent.clone().prop_map(Act::Ping),
        10 => (agent.clone(), any::<bool>(), poison())
            .prop_map(|(agent, has_key, poison)| Act::Write { agent, has_key, poison }),
        3 => (0..8usize).prop_map(Act::Repeat),
        3 => agent.clone().prop_map(Act::Stream),
        2 => agent.clone().prop_map(Act::Listen),
        1 => agent.prop_map(Act::Delete),
        2 => (0..8usize).prop_map(Act::Leave),
        2 => any::<bool>().prop_map(Act::Context),
        1 => Just(Act::Refresh),
        1 => Just(Act::Token),
        1 => Just(Act::RelayToken),
        2 => Just(Act::Menu),
        1 => Just(Act::Forget),
        3 => (1..20_000u16).prop_map(Act::Outage),
        2 => (1..30_000u16).prop_map(Act::Silence),
        2 => (1..20_000u16).prop_map(Act::Restart),
        2 => Just(Act::Notify),
        1 => (0..8usize).prop_map(Act::Retry),
    ]
}

fn act_or_crash() -> impl Strategy<Value = Act> {
    prop_oneof![12 => act(), 1 => (0..4usize).prop_map(Act::Crash)]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        8 => (any::<bool>(), 1..400usize)
            .prop_map(|(is_stream, piece)| Outcome::Well { is_stream, piece }),
        2 => (1..12_000u16).prop_map(Outcome::Slow),
        3 => Just(Outcome::Refused),
        2 => (any::<bool>(), prop::option::of(0..9u8))
            .prop_map(|(is_done, retry_after)| Outcome::Gateway { is_done, retry_after }),
        2 => any::<bool>().prop_map(|has_head| Outcome::Lost { has_head }),
        1 => any::<bool>().prop_map(|is_done| Outcome::Hang { is_done }),
        1 => (0..9u8).prop_map(Outcome::Busy),
        1 => Just(Outcome::Broken),
        1 => Just(Outcome::Forgets),
    ]
}

fn disk() -> impl Strategy<Value = DiskTurn> {
    let after = || prop_oneof![3 => 0..5u16, 1 => 0..3000u16];
    prop_oneof![
        6 => (after(), any::<bool>()).prop_map(|(after, all)| DiskTurn::Stores { after, all }),
        1 => after().prop_map(|after| DiskTurn::Fails { after }),
    ]
}

fn plan(act: impl Strategy<Value = Act>) -> impl Strategy<Value = Plan> {
    let pause = prop_oneof![4 => 0..5u16, 2 => 0..300u16, 1 => 0..5000u16];
    let acts = prop::collection::vec((pause, act), 1..40);
    let outcomes = prop::collection::vec(outcome(), 0..40);
    let room = prop_oneof![1 => 1..6usize, 3 => Just(10_000usize)];
    let relay = (any::<bool>(), any::<bool>(), any::<bool>());
    (any::<u8>(), relay, room, acts, outcomes, prop::collection::vec(disk(), 0..40)).prop_map(
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

/// Runs a plan; what holds of single steps is checked on the way, the rest at its end.
fn run(plan: Plan) {
    let mut world = World::new(plan);
    world.run();
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn b_9_all_invariants_hold_in_one_life(plan in plan(act())) {
        run(plan);
    }

    #[test]
    fn b_9_all_invariants_hold_over_crashes(plan in plan(act_or_crash())) {
        run(plan);
    }
}
