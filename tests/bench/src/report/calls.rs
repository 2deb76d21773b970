//! The tables of the requests that pass through.

use std::fmt::Write;

use super::number;
use crate::mcp::Scenario;
use crate::measure::calls::{Plan, Runs};

/// A table for each kind of request. Ratios are to this target, in the same round.
pub(crate) fn tables(plan: &Plan<'_>, runs: &Runs<'_>, targets: &[String], base: &str) -> String {
    let mut text = String::new();
    for &scenario in plan.scenarios {
        // Writing to a String does not fail.
        let _ = writeln!(text, "### {}\n", scenario.title());
        let _ = writeln!(
            text,
            "| connections | | requests/s | ÷ {base} | p50 ms | p95 ms | p99 ms | CPU µs/request | ÷ {base} | RSS MiB | errors |\n\
             |---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        );
        for &connections in plan.connections {
            for target in targets {
                text += &row(runs, (scenario, connections), target, base);
            }
        }
        text.push('\n');
    }
    text
}

fn row(runs: &Runs<'_>, at: (Scenario, usize), target: &str, base: &str) -> String {
    format!(
        "| {} | {target} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        at.1,
        number(runs.median(at, target, |run| Some(run.per_second)), 0),
        number(runs.ratio(at, target, base, |run| Some(run.per_second)), 2),
        number(runs.median(at, target, |run| Some(run.p50)), 3),
        number(runs.median(at, target, |run| Some(run.p95)), 3),
        number(runs.median(at, target, |run| Some(run.p99)), 3),
        number(runs.median(at, target, |run| run.cpu), 2),
        number(runs.ratio(at, target, base, |run| run.cpu), 2),
        number(runs.median(at, target, |run| run.rss.map(|rss| rss as f64 / 1024.0)), 1),
        runs.errors(at, target),
    )
}
