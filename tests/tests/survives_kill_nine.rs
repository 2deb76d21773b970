//! The proxy is killed again and again while agents write and the relay comes and goes: no accepted write is
//! lost, none is applied twice, each writer's order is kept (B-5.9, B-9.4, B-9.5, OUTBOX T4).
//!
//! `RELAY_MCP_SEED` and `RELAY_MCP_KILLS` choose another run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows its figures"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::crash::{Keys, Promised, complaints, write_until};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{RelayProcess, port};
use relay_mcp_tests::seeded::Seeded;
use relay_mcp_tests::wait::within;
use serde_json::json;

const WRITERS: [(&str, Keys); 4] =
    [("own1", Keys::Own), ("own2", Keys::Own), ("minted1", Keys::Minted), ("minted2", Keys::Minted)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_write_is_lost_or_doubled() {
    let seed = Seeded::seed_from("RELAY_MCP_SEED", 20_261_122);
    let kills = Seeded::seed_from("RELAY_MCP_KILLS", 50);
    let start = Instant::now();
    let directory = tempfile::tempdir().unwrap();
    let mut relay =
        RelayProcess::start(env!("CARGO_BIN_EXE_test-relay"), &directory.path().join("journal")).await;
    let mut proxy = Proxy::to_url(&relay.origin()).port(port::free().await).relay_timeout("2s").start().await;

    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = WRITERS
        .into_iter()
        .map(|(name, keys)| tokio::spawn(write_until(proxy.agent(), name.into(), keys, stop.clone())))
        .collect();
    let flaps = kill_again_and_again(&mut proxy, &mut relay, Seeded::new(seed), kills).await;
    stop.store(true, Ordering::SeqCst);
    let mut promised = Vec::new();
    for writer in writers {
        promised.push(within("a writer to stop", writer).await.unwrap());
    }
    relay.start_again().await;
    drain(&proxy, &proxy.agent()).await;
    let dead = proxy.status().await["outbox"]["deadLetters"].clone();
    proxy.kill().await;
    relay.kill().await;

    let applied = relay.applied();
    println!("seed {seed}: {kills} kills of the proxy, {flaps} of the relay, {:?}", start.elapsed());
    print_figures(&promised, applied.len());
    assert_eq!(complaints(&promised, &applied), [""; 0], "seed {seed}");
    assert_eq!(dead, 0, "seed {seed}: the relay refused nothing");
    let accepted = sum(&promised, |promised| promised.texts.len());
    assert!(accepted as u64 > kills, "seed {seed}: there was something to lose");
    assert!(sum(&promised, |promised| promised.queued) > 0, "seed {seed}: some of it in the outbox");
    assert_eq!(sum(&promised, |promised| promised.refused), 0, "seed {seed}: an outage is no refusal");
}

/// Kills the proxy so many times, at random moments, and the relay now and then; how often the relay.
async fn kill_again_and_again(
    proxy: &mut Proxy,
    relay: &mut RelayProcess,
    mut chance: Seeded,
    kills: u64,
) -> u64 {
    let mut flaps = 0;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_micros(chance.below(120_000))).await;
        match chance.below(4) {
            0 if relay.runs() => {
                relay.kill().await;
                flaps += 1;
            }
            1 | 2 => relay.start_again().await,
            _ => {}
        }
        tokio::time::sleep(Duration::from_micros(chance.below(60_000))).await;
        proxy.restart_here().await;
    }
    flaps
}

/// Waits until nothing is queued; a call now and then shows the proxy that the relay is there.
async fn drain(proxy: &Proxy, agent: &Agent) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while proxy.status().await["outbox"]["depth"] != 0 {
        assert!(Instant::now() < deadline, "the outbox drains when faults stop (B-9.10)");
        agent.call("x/y", json!({})).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn print_figures(promised: &[Promised], applied: usize) {
    println!(
        "accepted {} (queued {}), broken off {}, refused {}, applied {applied}",
        sum(promised, |promised| promised.texts.len()),
        sum(promised, |promised| promised.queued),
        sum(promised, |promised| promised.broken),
        sum(promised, |promised| promised.refused),
    );
}

fn sum(promised: &[Promised], figure: fn(&Promised) -> usize) -> usize {
    promised.iter().map(figure).sum()
}
