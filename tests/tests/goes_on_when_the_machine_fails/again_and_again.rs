//! The machine fails again and again while agents write and the relay comes and goes: no accepted write is
//! lost, none is applied twice, each writer's order is kept, and nothing is left behind in the process.
//!
//! `RELAY_MCP_SEED` and `RELAY_MCP_FAILURES` choose another run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use relay_mcp_core::Machine;
use relay_mcp_host_native::engine::Engine;
use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::crash::{Keys, Promised, complaints, write_until};
use relay_mcp_tests::proxy::usage::resident;
use relay_mcp_tests::relay::RelayProcess;
use relay_mcp_tests::seeded::Seeded;
use relay_mcp_tests::wait::{until_async, within};
use serde_json::json;
use tokio::runtime::Handle;

use crate::engines::{component, native, poison};
use crate::sidecar::{MEASURED, Running, start_alone};

const WRITERS: [(&str, Keys); 6] = [
    ("own1", Keys::Own),
    ("own2", Keys::Own),
    ("own3", Keys::Own),
    ("own4", Keys::Own),
    ("minted1", Keys::Minted),
    ("minted2", Keys::Minted),
];

/// By how much this process may have grown: what the tests themselves keep, and what an allocator does not give
/// back. A machine that was left behind would take more after each failure.
const MOST_GROWTH: usize = 8 << 20;

/// What this process uses.
#[derive(Clone, Copy, Debug)]
struct Usage {
    files: usize,
    tasks: usize,
    resident: usize,
}

impl Usage {
    fn now() -> Self {
        let files = std::fs::read_dir("/proc/self/fd").unwrap().count();
        Self {
            files,
            tasks: Handle::current().metrics().num_alive_tasks(),
            resident: resident(std::process::id()),
        }
    }
}

/// A sidecar under load beside a relay that comes and goes.
struct Load {
    sidecar: Running,
    relay: RelayProcess,
    _directory: tempfile::TempDir,
    chance: Seeded,
    promised: Vec<Promised>,
    rounds: usize,
}

impl Load {
    async fn on<M: Machine + Send + 'static>(engine: Engine<M>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("journal");
        let relay = RelayProcess::start(env!("CARGO_BIN_EXE_test-relay"), &journal).await;
        let sidecar = start_alone(&relay.origin(), engine).await;
        let chance = Seeded::new(Seeded::seed_from("RELAY_MCP_SEED", 20_261_122));
        Self { sidecar, relay, _directory: directory, chance, promised: Vec::new(), rounds: 0 }
    }

    async fn failures(&self) -> f64 {
        self.sidecar.figure("machine_failures_total").await
    }

    /// Has agents write and read until there were so many failures in all, and the relay was away at least once.
    async fn run_until(&mut self, failures: f64) {
        let stop = Arc::new(AtomicBool::new(false));
        self.rounds += 1;
        let writers = WRITERS.map(|(name, keys)| {
            let agent = self.sidecar.agent.clone();
            tokio::spawn(write_until(agent, format!("{name}r{}", self.rounds), keys, stop.clone()))
        });
        let reader = tokio::spawn(read_until(self.sidecar.agent.clone(), stop.clone()));
        loop {
            self.pause().await;
            self.relay.kill().await;
            self.pause().await;
            self.relay.start_again().await;
            if self.failures().await >= failures {
                break;
            }
        }
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            self.promised.push(within("a writer to stop", writer).await.unwrap());
        }
        within("the reader to stop", reader).await.unwrap();
    }

    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(100 + self.chance.below(400))).await;
    }

    /// Waits until nothing is queued, and the process uses no more files and tasks than this.
    async fn rest(&self, than: Option<Usage>) -> Usage {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.sidecar.depth().await != Some(0) {
            assert!(Instant::now() < deadline, "the outbox drains when nothing fails (B-9.10)");
            self.sidecar.agent.call("x/y", json!({})).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        until_async("no file and no task is left behind", async || {
            let usage = Usage::now();
            than.is_none_or(|than| usage.files <= than.files && usage.tasks <= than.tasks).then_some(usage)
        })
        .await
    }

    /// Still serves; and everything that was promised was kept, once and in order.
    async fn judge(mut self, name: &str, begun: Instant) {
        let (failures, reopening) =
            (self.failures().await, self.sidecar.figure("machine_reopening_seconds_sum").await);
        until_async("it serves", async || {
            self.sidecar.agent.tools_list().await.json().get("result").map(drop)
        })
        .await;
        let dead = self.sidecar.control.status().await["outbox"]["deadLetters"].clone();
        self.sidecar.end().await;
        self.relay.kill().await;
        let applied = self.relay.applied();
        let sum = |figure: fn(&Promised) -> usize| self.promised.iter().map(figure).sum::<usize>();
        let (accepted, queued) = (sum(|promised| promised.texts.len()), sum(|promised| promised.queued));
        let (refused, broken) = (sum(|promised| promised.refused), sum(|promised| promised.broken));
        println!(
            "{name}: {failures} failures in {:?}, no machine for {reopening:.1} s of it; accepted {accepted} \
             (queued {queued}), answered with an error {refused}, broken off {broken}, applied {}",
            begun.elapsed(),
            applied.len()
        );
        assert_eq!(complaints(&self.promised, &applied), [""; 0]);
        assert_eq!(dead, 0, "the relay refused nothing");
        assert!(queued > 0, "there was something to lose");
        assert_eq!(broken, 0, "every write gets an answer (B-9.1)");
    }
}

/// Reads until it is told to stop; the answers do not matter, but that there are some.
async fn read_until(agent: Agent, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        agent.tools_list().await;
    }
}

fn failures(or: u64) -> f64 {
    Seeded::seed_from("RELAY_MCP_FAILURES", or) as f64
}

/// Runs this load until there were so many failures, and looks at what was left behind since the first quarter.
/// `heal` ends the failures before that.
async fn leaves_nothing_behind(load: &mut Load, failures: f64, most: usize, heal: impl FnOnce()) {
    load.run_until(failures / 4.0).await;
    let before = load.rest(None).await;
    load.run_until(failures).await;
    heal();
    let after = load.rest(Some(before)).await;
    println!("before {before:?}, after {after:?}");
    let growth = after.resident.saturating_sub(before.resident);
    assert!(growth < most, "{growth} bytes more");
}

/// On one thread, as the program runs.
#[tokio::test]
async fn a_thousand_failures_lose_nothing_and_leave_nothing_behind() {
    let _alone = MEASURED.write().await;
    let begun = Instant::now();
    let (engine, faults) = native();
    faults.end_lives(Seeded::new(Seeded::seed_from("RELAY_MCP_SEED", 20_261_122)));
    let mut load = Load::on(engine).await;
    leaves_nothing_behind(&mut load, failures(1_000), MOST_GROWTH, || faults.heal()).await;
    load.judge("native", begun).await;
}

/// Where inputs come from several threads while the machine fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_failures_on_two_threads_lose_nothing() {
    let _alone = MEASURED.write().await;
    let begun = Instant::now();
    let (engine, faults) = native();
    faults.end_lives(Seeded::new(Seeded::seed_from("RELAY_MCP_SEED", 20_261_122)));
    let mut load = Load::on(engine).await;
    load.run_until(failures(100)).await;
    faults.heal();
    load.rest(None).await;
    load.judge("native, two threads", begun).await;
}

/// A component traps over a request that comes again and again. One that were left behind would hold a megabyte
/// and more.
#[tokio::test]
async fn a_component_that_traps_again_and_again_loses_nothing_and_leaves_nothing_behind() {
    let _alone = MEASURED.write().await;
    let begun = Instant::now();
    let failures = failures(100);
    let mut load = Load::on(component()).await;
    let agent = load.sidecar.agent.clone();
    let poisoner = tokio::spawn(async move {
        let poison = poison();
        loop {
            // Between two of them it is of use, so that it need not wait.
            if agent.tools_list().await.json().get("result").is_some() {
                agent.post(poison.clone()).send().await;
            }
        }
    });
    leaves_nothing_behind(&mut load, failures, MOST_GROWTH * 4, || poisoner.abort()).await;
    load.judge("component", begun).await;
}
