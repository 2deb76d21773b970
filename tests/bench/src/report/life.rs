//! The tables of what a sidecar takes while it lives: memory, streams, starts, and how soon it is back.

use super::{Table, mib, number};
use crate::measure::recovery::Outage;
use crate::results::Results;
use crate::stats::{median, quantile};

pub(super) fn memory(results: &Results) -> String {
    let Some(first) = results.memory.first() else { return String::new() };
    let steps = first.after.iter().map(|(requests, _)| format!("after {}", number(*requests as f64, 0)));
    let headings: Vec<_> = ["".to_owned(), "idle".to_owned()].into_iter().chain(steps).collect();
    let headings: Vec<_> = headings.iter().map(String::as_str).collect();
    let mut table = Table::new(&headings, 1);
    for taken in &results.memory {
        let of = |memory: crate::process::Memory| format!("{} ({})", mib(memory.rss), mib(memory.anonymous));
        let after = taken.after.iter().map(|(_, memory)| of(*memory));
        table.row(&[taken.target.clone(), of(taken.idle)].into_iter().chain(after).collect::<Vec<_>>());
    }
    format!(
        "RSS in MiB, and in brackets what of it is not pages of the program itself: before any request, and after so many calls of \
         400 bytes on 16 connections.\n\n{}",
        table.finish()
    )
}

pub(super) fn streams(results: &Results) -> String {
    let Some(first) = results.streams.first() else { return String::new() };
    let headings = ["", "streams of the relay", "RSS KiB/stream", "kernel KiB/stream", "CPU, % of a core"];
    let mut table = Table::new(&headings, 2);
    for idle in &results.streams {
        table.row(&[
            idle.target.clone(),
            if idle.with_relay { "one for each" } else { "none" }.into(),
            number(idle.rss, 2),
            number(idle.kernel, 2),
            number(idle.cpu * 100.0, 1),
        ]);
    }
    format!(
        "{} streams (GET) on which nothing happens but a sign of life every 25 s. What the kernel takes for the sockets \
         is counted at both ends, and not part of the RSS.\n\n{}",
        number(first.streams as f64, 0),
        table.finish()
    )
}

pub(super) fn starts(results: &Results) -> String {
    let Some(first) = results.starts.first() else { return String::new() };
    let headings = ["", "very first", "its RSS MiB", "ready, median", "p95", "first answer, median", "p95"];
    let mut table = Table::new(&headings, 1);
    for started in &results.starts {
        let p95 = |values: &[f64]| number(quantile(values.iter().copied(), 0.95), 1);
        let middle = |values: &[f64]| number(median(values.iter().copied()), 1);
        table.row(&[
            started.target.clone(),
            number(started.first, 1),
            mib(started.first_rss),
            middle(&started.ready),
            p95(&started.ready),
            middle(&started.answered),
            p95(&started.answered),
        ]);
    }
    format!(
        "Milliseconds from the start of the process until it says that it is ready, and until a call is answered in a session that was \
         opened for it: {} starts with a store that is there, and compiled code. The very first start has neither.\n\n{}",
        first.ready.len(),
        table.finish()
    )
}

pub(super) fn recoveries(results: &Results) -> String {
    let Some(first) = results.recoveries.first() else { return String::new() };
    let mut table = Table::new(&["", "", "median", "most"], 2);
    for outage in Outage::ALL {
        for recovered in results.recoveries.iter().filter(|recovered| recovered.outage == outage) {
            table.row(&[
                outage.title().into(),
                recovered.target.clone(),
                number(median(recovered.after.iter().copied()), 1),
                number(quantile(recovered.after.iter().copied(), 1.0), 1),
            ]);
        }
    }
    format!(
        "Milliseconds from the moment at which the relay listens again, of {} times.\n\n{}",
        first.after.len(),
        table.finish()
    )
}
