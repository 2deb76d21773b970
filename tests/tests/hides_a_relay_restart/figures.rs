//! What a run came to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::busy::{Attempt, Kind, Log, Outcome};

/// One restart of the relay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restart {
    /// It is about to be killed.
    pub(crate) dying: Instant,
    /// It is gone.
    pub(crate) dead: Instant,
    /// It listens again.
    pub(crate) listening: Instant,
}

/// What should not have happened, a sentence for each.
pub(crate) fn complaints_about(restarts: &[Restart], logs: &[Log]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (agent, log) in logs.iter().enumerate() {
        for attempt in log.lock().unwrap().iter() {
            if let Some(complaint) = complaint(restarts, attempt) {
                complaints.push(format!("agent {agent}: {complaint}"));
            }
        }
    }
    complaints
}

fn complaint(restarts: &[Restart], attempt: &Attempt) -> Option<String> {
    let delivered = match &attempt.outcome {
        Outcome::Answered | Outcome::Queued => return None,
        Outcome::Wrong(what) => return Some(format!("a {:?} got {what}", attempt.kind)),
        Outcome::Away { delivered } => delivered,
    };
    let around = restarts.iter().find(|r| attempt.begun < r.listening && attempt.ended > r.dying);
    let Some(restart) = around else {
        let last = restarts.iter().rev().find(|restart| restart.listening <= attempt.begun);
        let after = last.map(|restart| attempt.begun - restart.listening);
        return Some(format!(
            "a read failed ({delivered}) though the relay was there, begun {after:?} after"
        ));
    };
    match delivered.as_str() {
        // What was refused waits for two seconds; a relay that is back by half of that saves it.
        "no" if restart.listening - restart.dead < Duration::from_secs(1) => Some(format!(
            "a read was refused though the relay was back {:?} after its death",
            restart.listening - restart.dead
        )),
        "no" => None,
        // It was on its way when the relay died.
        "unknown" if attempt.begun < restart.dead => None,
        said => Some(format!(
            "a read begun {:?} after the relay's death was delivered: {said:?}",
            attempt.begun - restart.dead
        )),
    }
}

/// How long each agent had to wait, after each restart, for the relay's own answer.
pub(crate) fn recoveries(restarts: &[Restart], logs: &[Log]) -> Vec<Duration> {
    restarts.iter().flat_map(|restart| logs.iter().map(|log| recovery(*restart, log))).collect()
}

fn recovery(restart: Restart, log: &Log) -> Duration {
    let log = log.lock().unwrap();
    let first = log.iter().find(|attempt| {
        attempt.kind == Kind::Read
            && attempt.outcome == Outcome::Answered
            && attempt.ended > restart.listening
    });
    first.expect("every agent reads again").ended - restart.listening
}

/// The longest that a read took before the first restart: what the machine is busy with otherwise.
pub(crate) fn longest_before(restarts: &[Restart], logs: &[Log]) -> Duration {
    let first = restarts[0].dying;
    let longest = |log: &Log| {
        let log = log.lock().unwrap();
        let reads = log.iter().filter(|attempt| attempt.kind == Kind::Read && attempt.ended < first);
        reads.map(|read| read.ended - read.begun).max().expect("every agent has read")
    };
    logs.iter().map(longest).max().expect("there are agents")
}

pub(crate) fn print_figures(restarts: &[Restart], logs: &[Log]) {
    println!("before: no read took longer than {:.1} ms", millis(longest_before(restarts, logs)));
    for restart in restarts {
        let mut waits: Vec<Duration> = logs.iter().map(|log| recovery(*restart, log)).collect();
        waits.sort();
        println!(
            "away for {:>7.1} ms; the relay's own answer after {:.1} to {:.1} ms of its listening",
            millis(restart.listening - restart.dead),
            millis(waits[0]),
            millis(waits[waits.len() - 1]),
        );
    }
    let mut counts = BTreeMap::new();
    for attempt in logs.iter().flat_map(|log| log.lock().unwrap().clone()) {
        *counts.entry((attempt.kind, format!("{:?}", attempt.outcome))).or_insert(0) += 1;
    }
    for ((kind, outcome), count) in counts {
        println!("{kind:?}: {count} {outcome}");
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
