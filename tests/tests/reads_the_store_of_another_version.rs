//! What an older version left is read, and goes on; what a newer one left is left alone (B-5.10, OUTBOX G11).
//!
//! `fixtures/store-format-1.sqlite3` was left by version 0.1.0, ended in order: two agents had been greeted and had
//! listed, three writes were queued, and one lay among the dead letters. A later format adds a file of its own, and
//! none is ever changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::Arc;

use relay_mcp_tests::agent::initialize_params;
use relay_mcp_tests::proxy::{Home, Proxy, cli};
use relay_mcp_tests::relay::{Relay, Speaks};
use serde_json::json;

/// The session that the agent holds since then.
const SESSION: &str = "relay-session-1";

/// A home in which the fixture is the store.
fn home_of(format: u32) -> Arc<Home> {
    let home = Arc::new(Home::new());
    let fixture = format!("{}/fixtures/store-format-{format}.sqlite3", env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(home.data()).unwrap();
    std::fs::copy(fixture, store(&home)).unwrap();
    home
}

fn store(home: &Home) -> PathBuf {
    home.data().join("store.sqlite3")
}

#[tokio::test]
async fn a_store_of_format_1_goes_on() {
    let relay = Relay::that().keeps_sessions().speaks(Speaks::Both).start_down().await;
    let proxy = Proxy::to(&relay).at(&home_of(1)).start().await;
    let status = proxy.status().await;
    assert_eq!(
        (&status["outbox"]["depth"], &status["outbox"]["deadLetters"]),
        (&json!(3), &json!(1)),
        "{status}"
    );
    let agent = proxy.agent();
    assert_eq!(
        agent.initialize().await.result()["serverInfo"]["name"],
        "test-relay",
        "the hello is remembered"
    );
    assert!(agent.menu().await.contains(&"relay_reply".to_owned()), "and the menu");
    assert!(agent.modern().menu().await.contains(&"relay_reply".to_owned()), "of both eras");

    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["one", "two", "three"]);
    let keys: Vec<String> = relay.applied().into_iter().map(|write| write.key).collect();
    assert_eq!(keys, ["key-one", "key-two", "key-three"]);
    let opened = relay.request_of("initialize").await;
    assert_eq!(opened.params(), initialize_params(), "the session was opened in the words of its agent");
    agent.set_session(Some(SESSION.into()));
    assert_eq!(agent.tools_call("relay_list_messages", "{}").await.status, 200, "and is known");

    assert_eq!(proxy.control().ask("POST", "/v1/outbox/key-dead/retry", None).await.status, 200);
    relay.applied_are(4).await;
    assert_eq!(relay.applied_texts()[3], "dead");
}

#[tokio::test]
async fn a_store_of_a_newer_format_is_refused_and_left_as_it_is() {
    let home = home_of(1);
    let mut bytes = std::fs::read(store(&home)).unwrap();
    bytes[60..64].copy_from_slice(&2_u32.to_be_bytes());
    std::fs::write(store(&home), &bytes).unwrap();
    let relay = Relay::start().await;
    let data = home.data().display().to_string();
    for ended in
        [Proxy::to(&relay).at(&home).fail().await, cli::run(["outbox", "list", "--data-dir", &data]).await]
    {
        assert_eq!(ended.code, Some(4), "{ended:?}");
        for what in [data.as_str(), "format 2", "Use the newer proxy"] {
            assert!(ended.stderr.contains(what), "{what} in {ended:?}");
        }
    }
    assert!(std::fs::read(store(&home)).unwrap() == bytes, "nothing was overwritten");
}
