//! What the sidecar is to reach, and whether it does.

use super::{Table, mib, number};
use crate::mcp::Scenario;
use crate::measure::calls::{Run, Runs};
use crate::results::Results;
use crate::stats::median;

const NATIVE: &str = "native";
const COMPONENT: &str = "component";

/// One goal.
struct Goal {
    measure: String,
    goal: String,
    measured: String,
    /// None where what it is compared with was not measured.
    reached: Option<bool>,
}

/// A row for each goal that was measured.
pub(super) fn table(results: &Results) -> String {
    let goals = [passing(results), component(results), living(results), storing(results)];
    let goals: Vec<_> = goals.into_iter().flatten().collect();
    if goals.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["measure", "goal", "measured", "reached"], 4);
    for goal in goals {
        let reached = match goal.reached {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        table.row(&[goal.measure, goal.goal, goal.measured, reached.into()]);
    }
    table.finish()
}

fn at_most(measure: impl Into<String>, limit: f64, unit: &str, value: Option<f64>) -> Option<Goal> {
    goal(measure, "≤", limit, unit, value, |value| value <= limit)
}

fn at_least(measure: impl Into<String>, limit: f64, unit: &str, value: Option<f64>) -> Option<Goal> {
    goal(measure, "≥", limit, unit, value, |value| value >= limit)
}

fn goal(
    measure: impl Into<String>,
    sign: &str,
    limit: f64,
    unit: &str,
    value: Option<f64>,
    is_reached: impl Fn(f64) -> bool,
) -> Option<Goal> {
    let value = value?;
    Some(Goal {
        measure: measure.into(),
        goal: format!("{sign} {limit}{unit}"),
        measured: format!("{}{unit}", number(value, 2)),
        reached: Some(is_reached(value)),
    })
}

/// Beside nginx.
fn passing(results: &Results) -> Vec<Goal> {
    let runs = Runs(&results.runs);
    let ratio = |scenario, connections, value: fn(&Run) -> Option<f64>| {
        runs.ratio((scenario, connections), NATIVE, "nginx", value)
    };
    let mut goals = Vec::new();
    for connections in [16, 64] {
        let cpu = ratio(Scenario::Small, connections, |run| run.cpu);
        goals.push(at_most(
            format!("CPU per call of 400 B, {connections} connections"),
            1.25,
            " × nginx",
            cpu,
        ));
    }
    for connections in [16, 64] {
        let rate = ratio(Scenario::Small, connections, |run| Some(run.per_second));
        goals.push(at_least(
            format!("requests/s, calls of 400 B, {connections} connections"),
            0.9,
            " × nginx",
            rate,
        ));
    }
    let added = |target| {
        let at = (Scenario::Small, 1);
        runs.difference(at, target, "direct", |run| Some(run.p50 * 1e3))
    };
    goals.push(added(NATIVE).zip(added("nginx")).map(|(ours, nginx)| Goal {
        measure: "added p50, call of 400 B, 1 connection".into(),
        goal: format!("≤ nginx's {} µs", number(nginx, 0)),
        measured: format!("{} µs", number(ours, 0)),
        reached: Some(ours <= nginx),
    }));
    for connections in [16, 64] {
        let cpu = ratio(Scenario::Large, connections, |run| run.cpu);
        goals.push(at_most(
            format!("CPU per call of 100 KB, {connections} connections"),
            1.1,
            " × nginx",
            cpu,
        ));
    }
    goals.into_iter().flatten().collect()
}

/// Beside the native sidecar.
fn component(results: &Results) -> Vec<Goal> {
    let runs = Runs(&results.runs);
    let goals = [16, 64].map(|connections| {
        let ratio = |value: fn(&Run) -> Option<f64>| {
            runs.ratio((Scenario::Small, connections), COMPONENT, NATIVE, value)
        };
        let measure = |what| format!("component: {what}, calls of 400 B, {connections} connections");
        [
            at_most(measure("CPU"), 1.2, " × native", ratio(|run| run.cpu)),
            at_least(measure("requests/s"), 0.9, " × native", ratio(|run| Some(run.per_second))),
        ]
    });
    goals.into_iter().flatten().flatten().collect()
}

/// Memory, starts, streams.
fn living(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(taken) = results.memory.iter().find(|taken| taken.target == NATIVE) {
        let mib_of = |kib: u64| Some(kib as f64 / 1024.0);
        goals.push(at_most("RSS idle", 8.0, " MiB", mib_of(taken.idle.rss)));
        if let Some((requests, last)) = taken.after.last() {
            let measure = format!("RSS after {} requests", number(*requests as f64, 0));
            goals.push(at_most(measure, 15.0, " MiB", mib_of(last.rss)));
        }
        if let [_, (early, first), .., (late, last)] = taken.after.as_slice() {
            goals.push(Some(Goal {
                measure: format!(
                    "RSS flat, from {} to {} requests",
                    number(*early as f64, 0),
                    number(*late as f64, 0)
                ),
                goal: "grows by ≤ 1 MiB".into(),
                measured: format!("{} to {} MiB", mib(first.rss), mib(last.rss)),
                reached: Some(last.rss <= first.rss + 1024),
            }));
        }
    }
    for (target, limit) in [(NATIVE, 25.0), (COMPONENT, 60.0)] {
        let started = results.starts.iter().find(|started| started.target == target);
        let ready = started.and_then(|started| median(started.ready.iter().copied()));
        goals.push(at_most(format!("ready after start, {target}"), limit, " ms", ready));
    }
    for with_relay in [true, false] {
        let idle = results.streams.iter().find(|idle| idle.target == NATIVE && idle.with_relay == with_relay);
        let sort = if with_relay { "and one to the relay for each" } else { "and a relay without" };
        goals.push(idle.and_then(|idle| {
            let measure = format!("{} idle streams {sort}", number(idle.streams as f64, 0));
            at_most(measure, 8.0, " KiB each", Some(idle.rss))
        }));
    }
    goals.into_iter().flatten().collect()
}

/// The store.
fn storing(results: &Results) -> Vec<Goal> {
    let rounds = results.writes.iter().filter(|round| round.target == NATIVE && round.agents == 64);
    let ratio = median(rounds.map(|round| round.per_second / round.sqlite));
    let mut goals =
        vec![at_least("durable writes, 64 agents", 0.7, " × bare SQLite with the same batching", ratio)];
    if let Some(drain) = results.drains.iter().find(|drain| drain.target == NATIVE) {
        let measure = format!("drain of {} writes, one in flight", number(drain.writes as f64, 0));
        let ratio = drain.per_second / drain.sequential;
        goals.push(at_least(measure, 0.7, " × the relay's sequential rate", Some(ratio)));
        goals.push(Some(Goal {
            measure: "memory while it drains".into(),
            goal: "flat".into(),
            measured: format!("{} MiB, {} at the most", mib(drain.rss_full), mib(drain.rss_most)),
            reached: Some(drain.rss_most <= drain.rss_full + drain.rss_full / 20),
        }));
    }
    goals.into_iter().flatten().collect()
}
