//! The tables of the requests that pass through.

use super::{Table, number};
use crate::mcp::Scenario;
use crate::measure::calls::Runs;
use crate::results::Results;

/// A table for each kind of request.
pub(super) fn tables(results: &Results) -> String {
    if results.runs.is_empty() {
        return String::new();
    }
    let base = results.base();
    let mut text = format!(
        "Each connection has one request at a time. Medians of the rounds; ratios are to {base} in the same round, and of those the \
         median. CPU time is the proxy's, all threads; RSS is what it has then, whatever it did before.\n"
    );
    for &scenario in &results.scenarios {
        text += &format!("\n### {}\n\n{}", scenario.title(), table(results, scenario, base));
    }
    text
}

fn table(results: &Results, scenario: Scenario, base: &str) -> String {
    let ratio = format!("÷ {base}");
    let headings = [
        "",
        "connections",
        "requests/s",
        &ratio,
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "CPU µs/request",
        &ratio,
        "RSS MiB",
        "errors",
    ];
    let mut table = Table::new(&headings, 1);
    let runs = Runs(&results.runs);
    for &connections in &results.connections {
        let at = (scenario, connections);
        for target in &results.targets {
            table.row(&[
                target.clone(),
                connections.to_string(),
                number(runs.median(at, target, |run| Some(run.per_second)), 0),
                number(runs.ratio(at, target, base, |run| Some(run.per_second)), 2),
                number(runs.median(at, target, |run| Some(run.p50)), 3),
                number(runs.median(at, target, |run| Some(run.p95)), 3),
                number(runs.median(at, target, |run| Some(run.p99)), 3),
                number(runs.median(at, target, |run| run.cpu), 2),
                number(runs.ratio(at, target, base, |run| run.cpu), 2),
                number(runs.median(at, target, |run| run.rss.map(|rss| rss as f64 / 1024.0)), 1),
                runs.errors(at, target).to_string(),
            ]);
        }
    }
    table.finish()
}

/// The table of what should be 1.
pub(super) fn checks(results: &Results) -> String {
    if results.checks.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["", "median"], 1);
    for check in &results.checks {
        table.row(&[check.what.clone(), number(check.ratio, 3)]);
    }
    format!(
        "Calls of 400 bytes on 16 connections. All of it should be 1; only requests/s of wrk may be less, since it takes more of \
         the core that it shares with the relay.\n\n{}",
        table.finish()
    )
}
