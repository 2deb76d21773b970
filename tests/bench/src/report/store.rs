//! The tables of what is queued, and of what is delivered from the queue.

use super::{Table, mib, number};
use crate::measure::writes::{AGENTS, Round};
use crate::results::Results;
use crate::stats::median;

pub(super) fn writes(results: &Results) -> String {
    if results.writes.is_empty() {
        return String::new();
    }
    let headings = [
        "",
        "agents",
        "writes/s",
        "p50 ms",
        "p99 ms",
        "writes per commit",
        "bare SQLite/s",
        "÷ bare SQLite",
        "bare fdatasync/s",
        "÷ fdatasync",
    ];
    let mut table = Table::new(&headings, 1);
    for agents in AGENTS {
        for target in &results.builds {
            let rounds =
                || results.writes.iter().filter(|round| round.agents == agents && round.target == *target);
            let of = |value: fn(&Round) -> f64| median(rounds().map(value));
            table.row(&[
                target.clone(),
                agents.to_string(),
                number(of(|round| round.per_second), 0),
                number(of(|round| round.p50), 2),
                number(of(|round| round.p99), 2),
                number(of(|round| round.batch), 1),
                number(of(|round| round.sqlite), 0),
                number(of(|round| round.per_second / round.sqlite), 2),
                number(of(|round| round.sync), 0),
                number(of(|round| round.per_second / round.sync), 2),
            ]);
        }
    }
    format!(
        "Writes of 400 bytes while the relay is away, each answered when it is durable. Beside them, in the same round, on the same \
         disk: a loop of SQLite commits with the same settings, as many rows of the same size in each commit as the sidecar had on \
         average; and a loop that writes as many bytes to a file that does not grow, and calls fdatasync.\n\n{}",
        table.finish()
    )
}

pub(super) fn drains(results: &Results) -> String {
    let Some(first) = results.drains.first() else { return String::new() };
    let headings = [
        "",
        "writes/s",
        "relay's rate/s",
        "÷ relay's rate",
        "CPU µs/write",
        "RSS MiB empty",
        "full",
        "most",
        "at the end",
    ];
    let mut table = Table::new(&headings, 1);
    for drain in &results.drains {
        table.row(&[
            drain.target.clone(),
            number(drain.per_second, 0),
            number(drain.sequential, 0),
            number(drain.per_second / drain.sequential, 2),
            number(drain.cpu, 1),
            mib(drain.rss_empty),
            mib(drain.rss_full),
            mib(drain.rss_most),
            mib(drain.rss_end),
        ]);
    }
    format!(
        "{} queued writes, one in flight, each forgotten durably when the relay has answered. The relay's rate is that of one client that \
         sends the same writes straight to it, one after the other. Every write arrived once, in its agent's order.\n\n{}",
        number(first.writes as f64, 0),
        table.finish()
    )
}
