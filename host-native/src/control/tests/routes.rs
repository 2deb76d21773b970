//! Each path of the control API does what B-10 says.

use relay_mcp_core::Command;
use serde_json::json;

use super::played::Played;
use crate::token::tests::text;

#[tokio::test]
async fn b_8_2_healthz_and_readyz_are_200_while_the_relay_is_down() {
    let proxy = Played::on_unix().await;
    let health = proxy.ask("GET /healthz", "").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
    let ready = proxy.ask("GET /readyz", "").await;
    assert_eq!((ready.status, ready.json()), (200, json!({"status": "ready", "relay": {"state": "down"}})));
}

#[tokio::test]
async fn b_8_2_healthz_is_503_when_the_loop_has_ended() {
    let proxy = Played::on_unix().await;
    proxy.machine.die();
    for path in ["/healthz", "/readyz", "/metrics", "/v1/status", "/v1/outbox"] {
        let heard = proxy.ask(&format!("GET {path}"), "").await;
        assert_eq!((heard.status, heard.error().as_str()), (503, "the proxy is shutting down"), "{path}");
    }
}

#[tokio::test]
async fn b_8_1_the_context_is_set_and_told() {
    let proxy = Played::on_unix().await;
    let heard = proxy.ask("PUT /v1/context", r#"{"isolatedWorktree": true, "x": false}"#).await;
    assert_eq!(
        (heard.status, heard.json()),
        (200, json!({"context": {"isolatedWorktree": true, "x": false}}))
    );
    let flags = vec![("isolatedWorktree".to_owned(), true), ("x".to_owned(), false)];
    assert_eq!(proxy.machine.asked(), [Command::SetContext(flags)]);
}

#[tokio::test]
async fn b_8_1_a_context_that_is_no_object_of_booleans_is_refused_with_a_sentence() {
    let proxy = Played::on_unix().await;
    for body in ["", "{", "[]", "null", "true", r#"{"a":true} x"#, "\u{0}"] {
        let heard = proxy.ask("PUT /v1/context", body).await;
        assert_eq!(heard.status, 400, "{body}");
        assert!(heard.error().starts_with("the body must be a JSON object of booleans"), "{body}");
    }
    let heard = proxy.ask("PUT /v1/context", r#"{"isolatedWorktree": "yes"}"#).await;
    assert!(heard.error().ends_with("`isolatedWorktree` is a string"), "{}", heard.body);
    assert_eq!(proxy.machine.asked(), []);
}

#[tokio::test]
async fn b_2_2_the_token_is_rotated_and_removed() {
    let proxy = Played::on_unix().await;
    assert_eq!(proxy.ask("PUT /v1/token", r#"{"token": "second-token"}"#).await.status, 200);
    assert_eq!(text(&proxy.token).as_deref(), Some("second-token"));
    assert_eq!(proxy.ask("PUT /v1/token", r#"{"token": null}"#).await.status, 200);
    assert_eq!(text(&proxy.token), None);
    assert_eq!(proxy.machine.asked(), [Command::TokenChanged, Command::TokenChanged]);
}

#[tokio::test]
async fn b_9_6_a_bad_token_is_refused_without_being_repeated() {
    let proxy = Played::on_unix().await;
    for body in [
        r#""s3cret""#,
        r#"{"token": 3}"#,
        r#"{"token": ["s3cret"]}"#,
        r#"{"token": ""}"#,
        r#"{"token": "s3cret\r\nx-evil: 1"}"#,
        r#"{"token": "s3cret", "more": 1}"#,
        "{}",
        r#"{"token": "s3cret""#,
    ] {
        let heard = proxy.ask("PUT /v1/token", body).await;
        assert_eq!(heard.status, 400, "{body}");
        assert!(!heard.error().contains("s3cret"), "{}", heard.body);
    }
    assert_eq!(text(&proxy.token).as_deref(), Some("first-token"));
}

#[tokio::test]
async fn b_4_7_a_refresh_is_answered_when_it_is_done() {
    let proxy = Played::on_unix().await;
    let heard = proxy.ask("POST /v1/refresh", "").await;
    assert_eq!(heard.status, 200);
    assert_eq!(heard.json()["tools"]["hidden"], json!(["relay_workspace_status"]));
    proxy.machine.refuse("connection refused");
    let heard = proxy.ask("POST /v1/refresh", "").await;
    assert_eq!(heard.status, 502);
    assert_eq!(heard.error(), "the menu could not be fetched, the last one stays: connection refused");
}

#[tokio::test]
async fn the_outbox_is_listed_oldest_first() {
    let proxy = Played::on_unix().await;
    let heard = proxy.ask("GET /v1/outbox", "").await;
    assert_eq!(
        heard.json()["entries"][0],
        json!({
            "key": "queued-1",
            "tool": "relay_send_message",
            "state": "queued",
            "attempts": 3,
            "enqueuedAt": 1_790_000_000_000_u64,
            "lastError": "connection refused",
        })
    );
    assert_eq!(heard.json()["entries"][1]["state"], "dead");
}

#[tokio::test]
async fn a_write_is_shown_retried_and_discarded_by_its_encoded_key() {
    let proxy = Played::on_unix().await;
    let shown = proxy.ask("GET /v1/outbox/dead%2F1", "").await.json();
    assert_eq!(shown["key"], "dead/1");
    assert_eq!(shown["params"], r#"{"name":"relay_reply","arguments":{"n":1.0}}"#);
    assert_eq!(shown["relayAnswer"], "no such channel");
    assert_eq!(proxy.ask("POST /v1/outbox/dead%2F1/retry", "").await.status, 200);
    assert_eq!(proxy.ask("DELETE /v1/outbox/dead%2F1", "").await.status, 200);
    let key = || "dead/1".to_owned();
    let asked = [Command::ShowWrite(key()), Command::RetryWrite(key()), Command::DiscardWrite(key())];
    assert_eq!(proxy.machine.asked(), asked);
}

#[tokio::test]
async fn a_write_that_is_not_there_is_404_and_one_that_cannot_be_retried_is_409() {
    let proxy = Played::on_unix().await;
    for line in ["GET /v1/outbox/nope", "DELETE /v1/outbox/nope", "POST /v1/outbox/nope/retry"] {
        let heard = proxy.ask(line, "").await;
        assert_eq!(heard.status, 404, "{line}");
        assert_eq!(heard.error(), "there is no write with the key `nope` in the outbox");
    }
    proxy.machine.refuse("the write is still queued");
    let heard = proxy.ask("POST /v1/outbox/queued-1/retry", "").await;
    assert_eq!((heard.status, heard.error().as_str()), (409, "the write is still queued"));
}

#[tokio::test]
async fn a_wrong_method_is_405_with_allow_and_a_wrong_path_404() {
    let proxy = Played::on_unix().await;
    for (line, allow) in [
        ("POST /healthz", "get"),
        ("PUT /v1/status", "get"),
        ("GET /v1/context", "put"),
        ("POST /v1/token", "put"),
        ("GET /v1/refresh", "post"),
        ("GET /v1/shutdown", "post"),
        ("DELETE /v1/outbox", "get"),
        ("PUT /v1/outbox/k", "get, delete"),
        ("GET /v1/outbox/k/retry", "post"),
    ] {
        let heard = proxy.ask(line, "").await;
        assert_eq!(heard.status, 405, "{line}");
        assert!(heard.head.contains(&format!("allow: {allow}\r\n")), "{line}: {}", heard.head);
    }
    for line in ["GET /", "GET /mcp", "GET /v1/nothing", "POST /v1/outbox/k/raise"] {
        let heard = proxy.ask(line, "").await;
        assert_eq!(heard.status, 404, "{line}");
        assert_eq!(heard.error(), "there is no such path in the control API");
    }
    assert_eq!(proxy.machine.asked(), []);
}

#[tokio::test]
async fn b_9_8_a_body_over_the_limit_is_413_whether_announced_or_not() {
    let proxy = Played::on_unix().await;
    let large = "x".repeat((64 << 10) + 1);
    let heard = proxy.ask("PUT /v1/context", &large).await;
    assert_eq!((heard.status, heard.error().as_str()), (413, "the body is larger than 65536 bytes"));
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let head =
        "PUT /v1/context HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    assert_eq!(proxy.say(&format!("{head}{chunk}")).await.status, 413);
}

#[tokio::test]
async fn b_8_2_metrics_show_the_status_and_what_was_counted() {
    let proxy = Played::on_unix().await;
    let heard = proxy.ask("GET /metrics", "").await;
    assert_eq!(heard.status, 200);
    assert!(heard.head.contains("content-type: application/openmetrics-text"), "{}", heard.head);
    for line in ["relay_mcp_proxy_outbox_depth 1\n", "relay_mcp_proxy_relay_up 0\n"] {
        assert!(heard.body.contains(line), "{line}: {}", heard.body);
    }
}
