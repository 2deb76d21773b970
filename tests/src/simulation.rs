//! Runs of the [world](crate::world) from seeds alone.

use std::ops::AddAssign;

use proptest::strategy::Strategy;
use proptest::test_runner::TestError;

use crate::world::{Plan, World, runner_of};

/// What runs amounted to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub runs: u64,
    /// Steps of the machine.
    pub steps: u64,
    /// How often the proxy died or ended, and was started again.
    pub lives: u64,
    pub exchanges: u64,
    /// Writes that agents made.
    pub writes: u64,
    /// Those among them that got a receipt.
    pub accepted: u64,
    pub virtual_millis: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.lives += other.lives;
        self.exchanges += other.exchanges;
        self.writes += other.writes;
        self.accepted += other.accepted;
        self.virtual_millis += other.virtual_millis;
    }
}

/// Runs a plan. What holds of single steps is checked on the way, the rest at its end.
///
/// # Panics
/// When something does not hold.
pub fn run(plan: Plan, teller: Option<fn(&str)>) -> World {
    let mut world = World::told(plan, teller);
    world.run();
    world.check();
    world
}

/// Runs what a seed stands for.
///
/// # Panics
/// When something does not hold.
pub fn run_seed(seed: u64, teller: Option<fn(&str)>) -> Figures {
    let world = run(Plan::of_seed(seed), teller);
    let (lives, steps, virtual_millis) = world.host.amount();
    Figures {
        runs: 1,
        steps,
        lives: lives - 1,
        exchanges: world.host.exchanges.len() as u64,
        writes: world.judge.writes.len() as u64,
        accepted: world.judge.writes.values().filter(|write| write.accepted.is_some()).count() as u64,
        virtual_millis,
    }
}

/// The smallest plan in which what a seed shows goes wrong too, and what that is; nothing where nothing is wrong.
/// Needs panics that unwind.
#[must_use]
pub fn shrink(seed: u64) -> Option<(Plan, String)> {
    let mut runner = runner_of(seed);
    let tree = Plan::of_many_lives().new_tree(&mut runner).expect("nothing is filtered out");
    let outcome = runner.run_one(tree, |plan| {
        run(plan, None);
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(reason, plan)) => Some((plan, reason.to_string())),
        Ok(_) | Err(TestError::Abort(_)) => None,
    }
}
