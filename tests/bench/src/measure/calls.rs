//! What a request costs that passes through: every target in every round, so that what else the machine does falls on all
//! of them.

use std::time::Duration;

use crate::client::Endpoint;
use crate::load::{Load, Prepared, Until};
use crate::mcp::{ID, Scenario};
use crate::process::Memory;
use crate::relay::Relay;
use crate::stats::median;
use crate::target::Target;

/// One run against one target.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) connections: usize,
    pub(crate) round: u32,
    pub(crate) target: String,
    pub(crate) errors: u64,
    pub(crate) per_second: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    /// Microseconds of the proxy's CPU time for each request.
    pub(crate) cpu: Option<f64>,
    /// KiB.
    pub(crate) rss: Option<u64>,
}

/// What is to be run.
pub(crate) struct Plan<'a> {
    pub(crate) scenarios: &'a [Scenario],
    pub(crate) connections: &'a [usize],
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
}

/// Measures all targets by the plan.
///
/// # Errors
/// A target does not hand on what the relay answers.
pub(crate) fn measure(plan: &Plan<'_>, relay: &Relay, targets: &[Target]) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    for &scenario in plan.scenarios {
        relay.set_tools(scenario.tools());
        let ready = ready(scenario, targets)?;
        for &connections in plan.connections {
            for round in 1..=plan.rounds {
                eprintln!("{}, {connections} at once, round {round} of {}", scenario.title(), plan.rounds);
                let once = Once { scenario, connections, round, seconds: plan.seconds };
                // Who begins differs, so that nobody always runs after the same one.
                for at in 0..ready.len() {
                    let (target, session) = &ready[(at + round as usize) % ready.len()];
                    let run = once.against(target, session.as_deref());
                    runs.extend(unless_foreign(target, run)?);
                }
            }
        }
    }
    Ok(runs)
}

/// The targets that answer this rightly, each with a session.
fn ready(scenario: Scenario, targets: &[Target]) -> Result<Vec<(&Target, Option<String>)>, String> {
    let mut ready = Vec::new();
    for target in targets {
        let session = unless_foreign(target, checked(scenario, target))?;
        ready.extend(session.map(|session| (target, session)));
    }
    Ok(ready)
}

/// A session with this target, after a request whose answer is the right one.
fn checked(scenario: Scenario, target: &Target) -> Result<Option<String>, String> {
    let session = target.endpoint.greet()?;
    let answer = target.endpoint.ask(session.as_deref(), &scenario.body("42"))?;
    scenario.check("42", &answer).map(|()| session)
}

/// What another's program cannot is left out, and ours must.
fn unless_foreign<T>(target: &Target, done: Result<T, String>) -> Result<Option<T>, String> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(why) if target.is_foreign => {
            eprintln!("left out: {}: {why}", target.name);
            Ok(None)
        }
        Err(why) => Err(format!("{}: {why}", target.name)),
    }
}

struct Once {
    scenario: Scenario,
    connections: usize,
    round: u32,
    seconds: f64,
}

impl Once {
    fn against(&self, target: &Target, session: Option<&str>) -> Result<Run, String> {
        let mut requests = [prepared(&target.endpoint, session, self.scenario)];
        let mut load = Load::connect(&target.endpoint, self.connections)?;
        load.run(&mut requests, Until::Time(Duration::from_secs_f64(self.seconds / 10.0)))?;
        let before = target.used()?;
        let outcome = load.run(&mut requests, Until::Time(Duration::from_secs_f64(self.seconds)))?;
        let after = target.used()?;
        if let Some(error) = &outcome.error {
            eprintln!("{}: {} errors, the first: {error}", target.name, outcome.errors);
        }
        let cpu = after.zip(before).map(|(after, before)| after.since(&before));
        let milliseconds = |part: f64| outcome.latency.value_at_quantile(part) as f64 / 1e6;
        Ok(Run {
            scenario: self.scenario,
            connections: self.connections,
            round: self.round,
            target: target.name.clone(),
            errors: outcome.errors,
            per_second: outcome.per_second(),
            p50: milliseconds(0.5),
            p95: milliseconds(0.95),
            p99: milliseconds(0.99),
            cpu: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / outcome.requests.max(1) as f64),
            rss: target.pid.map(|pid| Memory::of(pid).rss),
        })
    }
}

fn prepared(endpoint: &Endpoint, session: Option<&str>, scenario: Scenario) -> Prepared {
    Prepared::new(endpoint, session, &scenario.body(ID))
}

/// The runs of a measurement, to be asked for medians.
pub(crate) struct Runs<'a>(pub(crate) &'a [Run]);

impl Runs<'_> {
    fn of<'a>(
        &'a self,
        scenario: Scenario,
        connections: usize,
        target: &'a str,
    ) -> impl Iterator<Item = &'a Run> {
        let is_meant = move |run: &&Run| {
            run.scenario == scenario && run.connections == connections && run.target == target
        };
        self.0.iter().filter(is_meant)
    }

    /// The median of the rounds.
    pub(crate) fn median(
        &self,
        (scenario, connections): (Scenario, usize),
        target: &str,
        value: impl Fn(&Run) -> Option<f64>,
    ) -> Option<f64> {
        median(self.of(scenario, connections, target).filter_map(value))
    }

    /// The median of the ratios to another target in the same round.
    pub(crate) fn ratio(
        &self,
        at: (Scenario, usize),
        target: &str,
        base: &str,
        value: impl Fn(&Run) -> Option<f64>,
    ) -> Option<f64> {
        median(self.pairs(at, target, base).filter_map(|(run, base)| Some(value(run)? / value(base)?)))
    }

    /// The median of what it has more than another target in the same round.
    pub(crate) fn difference(
        &self,
        at: (Scenario, usize),
        target: &str,
        base: &str,
        value: impl Fn(&Run) -> Option<f64>,
    ) -> Option<f64> {
        median(self.pairs(at, target, base).filter_map(|(run, base)| Some(value(run)? - value(base)?)))
    }

    fn pairs<'a>(
        &'a self,
        at: (Scenario, usize),
        target: &'a str,
        base: &'a str,
    ) -> impl Iterator<Item = (&'a Run, &'a Run)> {
        self.of(at.0, at.1, target).filter_map(move |run| {
            let same_round = |other: &&Run| other.round == run.round;
            Some((run, self.of(at.0, at.1, base).find(same_round)?))
        })
    }

    pub(crate) fn errors(&self, (scenario, connections): (Scenario, usize), target: &str) -> u64 {
        self.of(scenario, connections, target).map(|run| run.errors).sum()
    }
}
