//! How fast a long queue reaches a relay that is back, one write in flight, beside an agent that says the same to the relay
//! itself, one after the other.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Bench;
use super::queue::Queueing;
use crate::load::{Load, Prepared, Until};
use crate::machine::on_core;
use crate::mcp::{self, ID};
use crate::process::{Memory, Used};
use crate::relay::Relay;
use crate::target::endpoint;
use crate::target::sidecar::Build;

/// What became of one queue.
#[derive(Clone, Debug)]
pub(crate) struct Drained {
    pub(crate) target: String,
    pub(crate) writes: u64,
    /// From the first that the relay saw to the last.
    pub(crate) per_second: f64,
    /// The relay's, asked by one agent without a proxy: the better of before and after.
    pub(crate) sequential: f64,
    /// Microseconds of CPU time for each write.
    pub(crate) cpu: f64,
    /// Of a sidecar whose queue is empty, in KiB.
    pub(crate) rss_empty: u64,
    /// As the relay comes back.
    pub(crate) rss_full: u64,
    /// The most while it drained.
    pub(crate) rss_most: u64,
    /// When all is delivered.
    pub(crate) rss_end: u64,
}

/// How many agents fill the queue.
const AGENTS: usize = 64;

/// A relay that is back is asked within half a minute (B-5.8); the rest is for slow disks.
const PATIENCE: Duration = Duration::from_secs(900);

/// Measures every build.
///
/// # Errors
/// A write is lost, comes twice, or out of its agent's order.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Vec<Drained>, String> {
    let drain = |build| once(bench, build);
    bench.builds.iter().map(|build| drain(build).map_err(|why| format!("{}: {why}", build.name))).collect()
}

fn once(bench: &Bench<'_>, build: &Build) -> Result<Drained, String> {
    let writes = bench.size(100_000, 2_000);
    eprintln!("draining {writes} writes: {}", build.name);
    let mut relay = Relay::start(bench.cores.load)?;
    let before = sequential(&relay, bench)?;
    relay.go_away();
    let mut queueing = Queueing::start(bench, build, &relay, AGENTS, writes + 1000)?;
    let pid = queueing.sidecar.pid();
    let rss_empty = Memory::of(pid).rss;
    queueing.write(Until::Requests(writes - AGENTS as u64))?;
    let (rss_full, used) = (Memory::of(pid).rss, Used::by(pid)?);
    relay.forget_writes();
    relay.come_back()?;
    relay.await_writes(1, PATIENCE)?;
    let begun = Instant::now();
    let first = relay.shared().writes.load(Relaxed);
    let mut rss_most = rss_full;
    while relay.await_writes(writes, Duration::from_millis(100)).is_err() {
        rss_most = rss_most.max(Memory::of(pid).rss);
        if begun.elapsed() > PATIENCE {
            relay.await_writes(writes, Duration::ZERO)?;
        }
    }
    let took = begun.elapsed();
    let cpu = Used::by(pid)?.since(&used);
    emptied(&queueing)?;
    let strays = relay.shared().out_of_order.load(Relaxed);
    let seen = relay.shared().writes.load(Relaxed);
    if strays > 0 || seen != writes {
        return Err(format!("of {writes} writes the relay saw {seen}, {strays} of them out of order"));
    }
    let after = sequential(&relay, bench)?;
    Ok(Drained {
        target: build.name.clone(),
        writes,
        per_second: (writes - first) as f64 / took.as_secs_f64(),
        sequential: before.max(after),
        cpu: cpu.as_secs_f64() * 1e6 / writes as f64,
        rss_empty,
        rss_full,
        rss_most,
        rss_end: Memory::of(pid).rss,
    })
}

/// How many of the same writes a second the relay takes from one agent.
fn sequential(relay: &Relay, bench: &Bench<'_>) -> Result<f64, String> {
    let endpoint = endpoint(relay.address());
    let session = endpoint.greet()?;
    let mut requests = [Prepared::new(&endpoint, session.as_deref(), &mcp::write(ID))];
    // From the proxy's core, as the proxy does.
    let outcome = on_core(bench.cores.proxy, || {
        Load::connect(&endpoint, 1)?.run(&mut requests, Until::Time(Duration::from_secs_f64(bench.seconds)))
    })??;
    Ok(outcome.per_second())
}

/// What is delivered is forgotten.
fn emptied(queueing: &Queueing) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match queueing.sidecar.queued()? {
            0 => return Ok(()),
            left if Instant::now() > deadline => {
                return Err(format!("all is delivered, and {left} writes are still queued"));
            }
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
