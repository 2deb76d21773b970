//! More than it can take at once: what is over a limit is refused at once and in words, what was admitted is served,
//! all is well when the rush is over, and memory stays below the sum of the limits that `host-native/README.md` gives
//! (B-1.7, B-9.8).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows its figures"
)]

mod bound;
mod crowd;

use std::time::{Duration, Instant};

use relay_mcp_tests::agent::{Agent, Raw};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Fault, Gate, On, Relay};
use relay_mcp_tests::wait::{until_async, until_true};
use serde_json::json;

use bound::Limits;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A body whose pieces are a byte each.
const IN_BYTES: usize = 256 << 10;

/// How long a refusal may take on a busy machine; nobody is waited for.
const AT_ONCE: Duration = Duration::from_secs(5);

const LIMITS: Limits = Limits {
    connections: 100,
    header_bytes: 64 << 10,
    requests: 40,
    body_bytes: MIB,
    inflight_bytes: 16 * MIB,
    streams: 16,
    outbox_bytes: 16 * MIB,
    outbox_entries: 2_000,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_its_limits_it_refuses_serves_recovers_and_stays_small() {
    let relay = Relay::that().start_down().await;
    let proxy = LIMITS.of(Proxy::to(&relay)).relay_timeout("60s").start().await;
    let engine = proxy.status().await["engine"].as_str().unwrap().to_owned();
    let at_rest = proxy.peak();
    let written = fill_the_outbox(&proxy).await;
    let full = proxy.peak();

    // All at once: an outbox that is full, all the bytes of requests, all connections.
    let gate = Gate::new();
    relay.always(On::Rpc("tools/call"), Fault::Wait(gate.clone()));
    relay.start_again().await;
    let reads = read_all_that_fits(&relay, &proxy).await;
    is_refused(&proxy.agent(), "--max-inflight-bytes").await;
    crowd::of_unfinished_heads(&proxy, LIMITS.connections - reads.len(), LIMITS.header_bytes - 4096).await;
    gate.open();
    for mut read in reads {
        let answer = read.answer().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "what was admitted is served: {answer}");
    }
    proxy.depth_is(0).await;
    assert_eq!(relay.applied().len(), written, "what was accepted arrived, and nothing else");
    is_served_again(&proxy.agent()).await;
    relay.heal();
    too_many_requests(&relay, &proxy.agent()).await;

    let (peak, bound) = (proxy.peak(), LIMITS.bound(&engine));
    println!(
        "{engine}: at rest {} MiB, outbox full {}, all of it {}, bound {}",
        at_rest / MIB,
        full / MIB,
        peak / MIB,
        bound / MIB
    );
    assert!(peak <= bound, "memory is bounded (B-9.8)");
}

/// A body costs its bytes, however small the pieces that it comes in: what is counted is what is held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_in_pieces_of_a_byte_takes_the_room_of_its_bytes() {
    let relay = Relay::start().await;
    let proxy = LIMITS.of(Proxy::to(&relay)).start().await;
    let agent = proxy.agent();
    assert_eq!(agent.post(call("relay_list_messages", IN_BYTES)).send().await.status, 200);
    let whole = proxy.peak();
    let mut read = crowd::in_pieces_of(1, &proxy, &call("relay_list_messages", IN_BYTES)).await;
    assert!(read.answer().await.starts_with("HTTP/1.1 200"));
    let grown = proxy.peak() - whole;
    println!("a body of {IN_BYTES} bytes in pieces of one took {grown} bytes more than in one piece");
    assert!(grown < 8 * IN_BYTES, "{grown}");
}

/// What is left of a body that was refused is read and thrown away, and the connection serves on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_a_body_was_refused_serves_on() {
    let limits = Limits { body_bytes: 64 * KIB, inflight_bytes: 64 * KIB, ..LIMITS };
    let relay = Relay::start().await;
    let proxy = limits.of(Proxy::to(&relay)).relay_timeout("60s").start().await;
    let gate = Gate::new();
    relay.next(On::Rpc("tools/call"), Fault::Wait(gate.clone()));
    let mut all = crowd::in_pieces(&proxy, &call("relay_list_messages", 64 * KIB)).await;
    until_true("it is at the relay", || relay.requests_of("tools/call").len() == 1).await;
    let mut refused = crowd::in_pieces_of(KIB, &proxy, &call("relay_list_messages", 32 * KIB)).await;
    let answer = refused.answer().await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("--max-inflight-bytes"), "{answer}");
    gate.open();
    assert!(all.answer().await.starts_with("HTTP/1.1 200"));
    refused.send(crowd::whole(&proxy, &call("relay_list_messages", 200))).await;
    let answer = refused.answer().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Writes at once, in an outage: as many as the outbox takes, and no more; how many it took.
async fn fill_the_outbox(proxy: &Proxy) -> usize {
    let agent = proxy.agent();
    let (mut accepted, mut refused) = (0, Vec::new());
    while refused.is_empty() {
        let write = || agent.post(call("relay_reply", LIMITS.body_bytes - 200)).send();
        let rush: Vec<_> = (0..10).map(|_| tokio::spawn(write())).collect();
        for answer in rush {
            match answer.await.unwrap().rpc().get("error") {
                None => accepted += 1,
                Some(error) => refused.push(error["code"].clone()),
            }
        }
    }
    assert!(refused.iter().all(|code| *code == -31004), "{refused:?}");
    assert!(accepted >= LIMITS.outbox_bytes / LIMITS.body_bytes, "{accepted} were accepted");
    accepted
}

/// Reads that wait for the relay, in bodies that came in small pieces, as many as there are bytes for.
async fn read_all_that_fits(relay: &Relay, proxy: &Proxy) -> Vec<Raw> {
    is_reached(relay, &proxy.agent()).await;
    let before = relay.requests_of("tools/call").len();
    let fitting = LIMITS.inflight_bytes / LIMITS.body_bytes;
    let mut reads = Vec::new();
    for _ in 0..fitting {
        reads.push(crowd::in_pieces(proxy, &call("relay_list_messages", LIMITS.body_bytes)).await);
    }
    until_true("they are at the relay", || relay.requests_of("tools/call").len() >= before + fitting).await;
    reads
}

async fn too_many_requests(relay: &Relay, agent: &Agent) {
    let gate = Gate::new();
    relay.forget_requests();
    relay.always(On::Rpc("tools/call"), Fault::Wait(gate.clone()));
    let read = || agent.tool("relay_list_messages", "{}").send();
    let admitted: Vec<_> = (0..LIMITS.requests).map(|_| tokio::spawn(read())).collect();
    until_true("they are at the relay", || relay.requests_of("tools/call").len() == LIMITS.requests).await;
    is_refused(agent, "--max-requests").await;
    gate.open();
    for answer in admitted {
        assert_eq!(answer.await.unwrap().status, 200, "what was admitted is served");
    }
    is_served_again(agent).await;
}

/// A call of a tool whose body has so many bytes.
fn call(tool: &str, bytes: usize) -> String {
    let of = |text: &str| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
               "params": {"name": tool, "arguments": {"text": text}}})
        .to_string()
    };
    of(&"x".repeat(bytes - of("").len()))
}

async fn is_refused(agent: &Agent, limit: &str) {
    let start = Instant::now();
    let answer = agent.tool("relay_list_messages", "{}").send().await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
    assert!(answer.text().contains(limit), "{limit} in {}", answer.text());
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

/// The relay is there again, and the proxy knows: the first of the queued writes is before it.
async fn is_reached(relay: &Relay, agent: &Agent) {
    let reached = async || {
        agent.request("x/y", &json!({})).send().await;
        (!relay.requests_of("tools/call").is_empty()).then_some(())
    };
    until_async("the relay is reached", reached).await;
}

async fn is_served_again(agent: &Agent) {
    let again = async || {
        let answer = agent.request("ping", &json!({})).try_send().await.ok()?;
        (answer.status == 200).then_some(())
    };
    until_async("it serves again", again).await;
}
