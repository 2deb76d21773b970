//! Whatever agents, relay, disk, clock and fate do, in whatever order: the invariants of section 9 hold, at every step
//! and when all has come to rest.
//!
//! These are the simulator's runs and its generator; `simulate` (`tests/src/bin/simulate.rs`) does more of them, and
//! tells a run event by event. The seeds are the first ones of the simulator: `RELAY_MCP_SEED` and `RELAY_MCP_RUNS`
//! choose others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::panic::catch_unwind;

use proptest::prelude::*;
use relay_mcp_tests::seeded::Seeded;
use relay_mcp_tests::simulation::{run, run_seed};
use relay_mcp_tests::world::Plan;

/// How many runs of the simulator there are here; `tests/mutations/run` counts on as many.
const RUNS: u64 = 2_000;

#[test]
fn b_9_all_invariants_hold_in_the_first_runs_of_the_simulator() {
    let first = Seeded::seed_from("RELAY_MCP_SEED", 1);
    for seed in first..first + Seeded::seed_from("RELAY_MCP_RUNS", RUNS) {
        if let Err(violation) = catch_unwind(|| run_seed(seed, None)) {
            println!("see it: cargo run --release -p relay-mcp-tests --bin simulate -- --seed {seed}");
            std::panic::resume_unwind(violation);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn b_9_all_invariants_hold_in_one_life(plan in Plan::of_one_life()) {
        run(plan, None);
    }

    #[test]
    fn b_9_all_invariants_hold_over_crashes(plan in Plan::of_many_lives()) {
        run(plan, None);
    }
}
