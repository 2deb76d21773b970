//! `/v1/status` has the shape of B-10.

use serde_json::json;

use super::played::Played;

#[tokio::test]
async fn b_10_the_status_has_the_promised_shape_in_the_promised_order() {
    let proxy = Played::on_unix().await;
    let heard = proxy.ask("GET /v1/status", "").await;
    let promised = json!({
        "version": "1.2.3",
        "engine": "native",
        "relay": {
            "url": "https://relay.example/api/mcp",
            "state": "down",
            "sinceMs": 192_000,
            "era": "modern",
        },
        "outbox": {"depth": 1, "bytes": 1300, "oldestAgeMs": 192_500, "deadLetters": 1, "paused": true},
        "streams": 1,
        "sessions": 2,
        "context": {"isolatedWorktree": false},
        "tools": {
            "visible": ["relay_send_message", "relay_reply"],
            "hidden": ["relay_workspace_status"],
        },
    });
    assert_eq!((heard.status, heard.json()), (200, promised));
    assert!(
        heard.body.starts_with(r#"{"version":"1.2.3","engine":"native","relay":{"url":"#),
        "{}",
        heard.body
    );
    assert!(heard.head.contains("cache-control: no-store"), "{}", heard.head);
}
