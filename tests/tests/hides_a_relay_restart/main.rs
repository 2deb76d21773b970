//! The relay is killed and started again, its sessions forgotten, while eight agents of both eras keep asking:
//! nothing fails that a second try could have saved, and all is well within a second (B-2.5, B-4.4, B-5.4, B-6.1).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows its figures"
)]

mod busy;
mod figures;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use relay_mcp_tests::agent::Events;
use relay_mcp_tests::crash::{Promised, complaints};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::RelayProcess;
use relay_mcp_tests::wait::{PATIENCE, until_true, within};
use serde_json::json;
use tokio::task::JoinHandle;

use self::busy::{Busy, Kind, Log, Outcome};
use self::figures::{Restart, complaints_about, longest_before, print_figures, recoveries};

const AGENTS: usize = 8;

/// How long the relay stays away: not at all, so that everything meets a relay that is there and has forgotten
/// all, or until every agent has noticed.
const OUTAGES: [Outage; 6] =
    [Outage::Noticed, Outage::Blink, Outage::Noticed, Outage::Blink, Outage::Noticed, Outage::Blink];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    Blink,
    Noticed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_that_a_second_try_could_have_saved() {
    let directory = tempfile::tempdir().unwrap();
    let kind = ["--sessions", "--streams", "--both-eras"];
    let journal = directory.path().join("journal");
    let mut relay = RelayProcess::start_as(env!("CARGO_BIN_EXE_test-relay"), &journal, &kind).await;
    let proxy = Proxy::to_url(&relay.origin()).start().await;

    let agents = agents(&proxy).await;
    let streams = open_streams(&agents).await;
    let logs: Vec<Log> = agents.iter().map(|agent| agent.log.clone()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let work: Vec<_> = agents.into_iter().map(|agent| tokio::spawn(agent.work(stop.clone()))).collect();

    let mut restarts = Vec::new();
    for outage in OUTAGES {
        all_read_since(&logs, Instant::now(), 20).await;
        restarts.push(restart(&mut relay, &logs, outage).await);
    }
    all_read_since(&logs, Instant::now(), 20).await;
    stop.store(true, Ordering::SeqCst);
    let mut promised: Vec<Promised> = Vec::new();
    for work in work {
        promised.push(within("an agent to stop", work).await.unwrap());
    }

    print_figures(&restarts, &logs);
    assert_eq!(complaints_about(&restarts, &logs), [""; 0]);
    // On a machine that is busy with other things, a read takes its time with no restart too.
    let soon = Duration::from_secs(1) + longest_before(&restarts, &logs);
    for recovery in recoveries(&restarts, &logs) {
        assert!(recovery < soon, "an agent was without its relay for {recovery:?}");
    }
    all_streams_still_tell(&proxy, streams).await;
    all_writes_arrived(&proxy, &mut relay, &promised).await;
}

/// Eight agents that have been greeted and have seen the menu; every other one is modern.
async fn agents(proxy: &Proxy) -> Vec<Busy> {
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        let is_modern = number % 2 == 1;
        let agent = if is_modern { proxy.agent().modern() } else { proxy.agent().another() };
        if is_modern {
            agent.discover().await.result();
        } else {
            agent.greet().await;
        }
        agent.menu().await;
        agents.push(Busy { name: format!("agent{number}"), agent, is_modern, log: Log::default() });
    }
    agents
}

/// Listens for each agent; what each stream told when it ended, or was heard to tell of a changed menu.
async fn open_streams(agents: &[Busy]) -> Vec<JoinHandle<bool>> {
    let mut streams = Vec::new();
    for agent in agents {
        let events = if agent.is_modern {
            let filter = json!({ "notifications": { "toolsListChanged": true } });
            agent.agent.request("subscriptions/listen", &filter).open().await
        } else {
            agent.agent.listen().await
        };
        streams.push(tokio::spawn(tells_of_a_change(events)));
    }
    streams
}

/// Whether a stream tells of a changed menu before it ends.
async fn tells_of_a_change(mut events: Events) -> bool {
    while let Some(event) = events.event_within(10 * PATIENCE).await {
        if event.data.contains("notifications/tools/list_changed") {
            return true;
        }
    }
    false
}

async fn restart(relay: &mut RelayProcess, logs: &[Log], outage: Outage) -> Restart {
    let dying = Instant::now();
    relay.kill().await;
    let dead = Instant::now();
    if outage == Outage::Noticed {
        until_true("every agent has read in vain and got a receipt", || {
            logs.iter().all(|log| has_noticed(log, dead))
        })
        .await;
    }
    relay.start_again().await;
    Restart { dying, dead, listening: relay.listening_since() }
}

fn has_noticed(log: &Log, dead: Instant) -> bool {
    let log = log.lock().unwrap();
    let since = || log.iter().rev().take_while(|attempt| attempt.begun > dead);
    let in_vain = since().filter(|attempt| matches!(attempt.outcome, Outcome::Away { .. })).count();
    in_vain >= 5 && since().any(|attempt| attempt.outcome == Outcome::Queued)
}

/// Every agent has read so often at the relay since then.
async fn all_read_since(logs: &[Log], since: Instant, times: usize) {
    until_true("every agent reads at the relay", || {
        logs.iter().all(|log| {
            let log = log.lock().unwrap();
            let reads = log.iter().rev().take_while(|attempt| attempt.begun > since);
            let is_answered =
                |attempt: &&busy::Attempt| attempt.kind == Kind::Read && attempt.outcome == Outcome::Answered;
            reads.filter(is_answered).count() >= times
        })
    })
    .await;
}

/// The streams of the agents lived through it all: none has ended, and none has told what did not happen.
async fn all_streams_still_tell(proxy: &Proxy, streams: Vec<JoinHandle<bool>>) {
    assert!(streams.iter().all(|stream| !stream.is_finished()), "B-4.6, B-7.1: no end, and no change");
    proxy.control().isolated_worktree(true).await;
    for stream in streams {
        assert!(within("a stream to tell of the change", stream).await.unwrap(), "the stream has ended");
    }
}

/// What was promised is kept: each write arrives once, and each agent's in its order.
async fn all_writes_arrived(proxy: &Proxy, relay: &mut RelayProcess, promised: &[Promised]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while proxy.status().await["outbox"]["depth"] != 0 {
        assert!(Instant::now() < deadline, "the outbox drains (B-9.10)");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
    relay.kill().await;
    let applied = relay.applied();
    println!("writes: {} applied in all", applied.len());
    assert_eq!(complaints(promised, &applied), [""; 0]);
}
