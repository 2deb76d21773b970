//! How many writes a second become durable while the relay is away, beside bare loops that sync as often: what one thread can
//! do with SQLite, and with a file.

use super::Bench;
use super::queue::{Queueing, time};
use crate::bare;
use crate::load::Until;
use crate::machine::on_core;
use crate::relay::Relay;

/// One round of one build.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) target: String,
    pub(crate) agents: usize,
    pub(crate) per_second: f64,
    /// Milliseconds until the receipt.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Writes in a commit, on average.
    pub(crate) batch: f64,
    /// Writes a second of a loop that commits as many rows of the same size at once to SQLite.
    pub(crate) sqlite: f64,
    /// Writes a second of a loop that writes as many bytes and syncs them.
    pub(crate) sync: f64,
}

/// How many agents write at once.
pub(crate) const AGENTS: [usize; 2] = [1, 64];

/// More writes than are made.
const ROOM: u64 = 500_000;

/// Measures every build in every round; the bare loops each time beside it, since disks are fast and slow by turns.
///
/// # Errors
/// A write is not queued, or not in the store afterwards.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Vec<Round>, String> {
    let mut relay = Relay::start(bench.cores.load)?;
    relay.go_away();
    let mut rounds = Vec::new();
    for agents in AGENTS {
        for round in 1..=bench.rounds {
            eprintln!("durable writes, {agents} agents, round {round} of {}", bench.rounds);
            for build in bench.builds {
                let mut queueing = Queueing::start(bench, build, &relay, agents, ROOM)
                    .map_err(|why| format!("{}: {why}", build.name))?;
                rounds.push(once(bench, &mut queueing, agents)?);
                queueing.end().map_err(|why| format!("{}: {why}", build.name))?;
            }
        }
    }
    Ok(rounds)
}

const COMMITS: &str = "relay_mcp_proxy_store_sync_seconds_count";

fn once(bench: &Bench<'_>, queueing: &mut Queueing, agents: usize) -> Result<Round, String> {
    let before = queueing.sidecar.metric(COMMITS)?;
    let outcome = queueing.write(Until::Time(time(bench)))?;
    let commits = queueing.sidecar.metric(COMMITS)? - before;
    let batch = outcome.requests as f64 / commits.max(1.0);
    let milliseconds = |part: f64| outcome.latency.value_at_quantile(part) as f64 / 1e6;
    // As the sidecar stores them; the loops run while it idles.
    let (_, bytes) = bare::writes_in(&queueing.store())?;
    let home = bench.new_home();
    let loops = on_core(bench.cores.proxy, || -> Result<_, String> {
        Ok((bare::sqlite(&home, bytes, batch, time(bench))?, bare::sync(&home, bytes, batch, time(bench))?))
    });
    let (sqlite, sync) = loops??;
    Ok(Round {
        target: queueing.sidecar.name.clone(),
        agents,
        per_second: outcome.per_second(),
        p50: milliseconds(0.5),
        p99: milliseconds(0.99),
        batch,
        sqlite,
        sync,
    })
}
