//! A run with much to write: outages, deliveries, calm, restarts of the proxy in order and by force.

use std::path::PathBuf;
use std::sync::Arc;

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::disk::{Op, Recorder};
use relay_mcp_tests::proxy::{Home, Proxy};
use relay_mcp_tests::relay::Relay;
use relay_mcp_tests::seeded::Seeded;
use relay_mcp_tests::wait::until_true;
use serde_json::json;

/// Runs it; the data directory, and all that was done to it.
pub(crate) async fn recorded(seed: u64) -> (PathBuf, Vec<Op>) {
    let relay = Relay::that().keeps_sessions().start_down().await;
    let home = Arc::new(Home::new());
    let recorder = Recorder::of(&home.data());
    let mut proxy = recorder.on(Proxy::to(&relay).at(&home).relay_timeout("5s")).start().await;
    let mut writer = Writer { chance: Seeded::new(seed), made: 0 };

    writer.write(&greeted(&proxy).await, 12).await;
    writer.write_at_once(&greeted(&proxy).await, 8).await;
    relay.start_again().await;
    greeted(&proxy).await.menu().await;
    proxy.depth_is(0).await;
    relay.stop().await;
    writer.write(&greeted(&proxy).await, 4).await;
    is_tidied(&proxy).await;
    writer.write(&greeted(&proxy).await, 4).await;
    proxy.terminate().await;
    proxy.restart().await;
    writer.write(&greeted(&proxy).await, 4).await;
    proxy.restart().await;
    writer.write(&greeted(&proxy).await, 4).await;
    relay.start_again().await;
    proxy.depth_is(0).await;
    relay.stop().await;
    proxy.terminate().await;
    proxy.restart().await;
    writer.write(&greeted(&proxy).await, 3).await;
    proxy.kill().await;
    (home.data(), recorder.ops())
}

/// What a write says.
pub(crate) fn text(key: &str) -> String {
    let number: u64 = key.strip_prefix("key-").unwrap().parse().unwrap();
    let mut chance = Seeded::new(number);
    let most = if number.is_multiple_of(5) { 12_000 } else { 500 };
    (0..chance.below(most)).map(|_| char::from(b'a' + chance.below(26) as u8)).collect()
}

struct Writer {
    chance: Seeded,
    made: u64,
}

impl Writer {
    fn key(&mut self) -> String {
        self.made += 1 + self.chance.below(9);
        format!("key-{}", self.made)
    }

    async fn write(&mut self, agent: &Agent, count: usize) {
        for _ in 0..count {
            queue(agent.clone(), self.key()).await;
        }
    }

    async fn write_at_once(&mut self, agent: &Agent, count: usize) {
        let all: Vec<_> = (0..count).map(|_| tokio::spawn(queue(agent.clone(), self.key()))).collect();
        for one in all {
            one.await.unwrap();
        }
    }
}

/// An agent with a session.
async fn greeted(proxy: &Proxy) -> Agent {
    let agent = proxy.agent();
    agent.greet().await;
    agent
}

async fn queue(agent: Agent, key: String) {
    let arguments = json!({"idempotencyKey": key, "text": text(&key)}).to_string();
    let receipt = agent.tools_call("relay_reply", &arguments).await.result();
    assert_eq!(receipt["structuredContent"]["queued"], true, "{receipt}");
}

/// After a second of calm the log is empty.
async fn is_tidied(proxy: &Proxy) {
    let log = proxy.home().data().join("store.sqlite3-wal");
    until_true("the log was emptied", || log.metadata().is_ok_and(|log| log.len() == 0)).await;
}
