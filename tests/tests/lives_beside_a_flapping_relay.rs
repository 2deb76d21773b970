//! Ten minutes of virtual time in which agents of both eras work on while the relay dies and returns, forgets all
//! sessions, is slow, hangs and breaks off: what section 9 promises holds at every step and at the end.
//!
//! `RELAY_MCP_SEED` and `RELAY_MCP_MINUTES` choose another run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows its figures"
)]

use std::time::Instant;

use relay_mcp_core::Observation;
use relay_mcp_tests::seeded::Seeded;
use relay_mcp_tests::world::{Plan, World};

#[test]
fn b_9_all_invariants_hold_beside_a_flapping_relay() {
    let seed = Seeded::seed_from("RELAY_MCP_SEED", 20_261_122);
    let minutes = Seeded::seed_from("RELAY_MCP_MINUTES", 10);
    println!("seed {seed}, {minutes} minutes");
    let start = Instant::now();
    let plan = Plan::soak(seed, minutes);
    let acts = plan.acts.len();
    let mut world = World::new(plan);
    world.run();
    println!("{acts} acts, {} steps, {:?}", world.host.history.len(), start.elapsed());
    print_figures(&world);
    world.check();
    let alone = world.streams_alone();
    assert_eq!(alone, [""; 0], "B-7.1: whoever listens hears the relay again");
    assert_eq!(
        world.dead_for_no_reason(),
        [0; 0],
        "a session that the relay forgot is no reason to refuse a write"
    );
}

fn print_figures(world: &World) {
    let count = |is: fn(&Observation) -> bool| world.host.observed.iter().filter(|seen| is(seen)).count();
    println!(
        "the relay forgot its sessions {} times, was lost {} times and found {} times; {} sessions opened again",
        world.relay.forgotten,
        count(|seen| matches!(seen, Observation::RelayDown { .. })),
        count(|seen| matches!(seen, Observation::RelayUp { .. })),
        count(|seen| matches!(seen, Observation::SessionReopened)),
    );
    println!(
        "{} exchanges, {} writes made, {} queued, {} arrived, {} applied, {} dead; the menu changed {} times for them",
        world.host.exchanges.len(),
        world.judge.writes.len(),
        count(|seen| matches!(seen, Observation::WriteQueued { .. })),
        world.relay.arrivals.len(),
        world.relay.applied.len(),
        count(|seen| matches!(seen, Observation::WriteDead { .. })),
        count(|seen| matches!(seen, Observation::MenuChanged { .. })),
    );
}
