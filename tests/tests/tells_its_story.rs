//! `demo` needs no relay and no reader of manuals (B-10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::proxy::cli;

/// B-10
#[tokio::test]
async fn the_demo_walks_through_the_story_and_ends_well() {
    let ended = cli::run(["demo"]).await.ok();
    let told = ended.stdout.to_lowercase();
    for word in ["relay_send_message", "relay_workspace", "queued", "once"] {
        assert!(told.contains(word), "{word} in {}", ended.stdout);
    }
}
