//! "Queued" is said only of what is on disk, and what is queued arrives (B-5.1, B-5.2, B-5.4, B-5.6, B-5.9,
//! B-5.11, B-9.3, B-9.4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_tests::agent::{Agent, Answer};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::tools::tool;
use relay_mcp_tests::relay::{Canned, Fault, On, Relay, Speaks, Step};
use serde_json::{Value, json};

/// A proxy of a relay that is down.
async fn during_an_outage() -> (Relay, Proxy) {
    let relay = Relay::that().speaks(Speaks::Both).start_down().await;
    let proxy = Proxy::to(&relay).start().await;
    (relay, proxy)
}

/// Writes and expects a receipt; its key.
async fn queue(agent: &Agent, text: &str) -> String {
    let answer = agent.tools_call("relay_reply", &json!({"text": text}).to_string()).await;
    key_of_receipt(&answer)
}

/// The key in a receipt.
fn key_of_receipt(answer: &Answer) -> String {
    let receipt = answer.result()["structuredContent"].clone();
    assert_eq!(receipt["queued"], true, "a receipt: {}", answer.text());
    receipt["idempotencyKey"].as_str().unwrap().to_owned()
}

/// B-5.4: the seed's receipt.
#[tokio::test]
async fn a_receipt_says_what_was_queued() {
    let (_relay, proxy) = during_an_outage().await;
    for agent in [proxy.agent(), proxy.agent().modern()] {
        for tool in ["relay_send_message", "relay_reply", "relay_workspace_ready"] {
            let params = json!({"name": tool, "arguments": {"text": "x"}});
            let answer = agent.request_with_id(&json!("w"), "tools/call", &params).send().await;
            assert_eq!((answer.status, &answer.rpc()["id"]), (200, &json!("w")));
            let result = answer.result();
            let receipt = result["structuredContent"].as_object().expect("a receipt").clone();
            assert_eq!((&receipt["queued"], &receipt["tool"]), (&json!(true), &json!(tool)));
            assert!(receipt["note"].as_str().is_some_and(|note| note.contains("queued")), "{receipt:?}");
            assert_is_minted(receipt["idempotencyKey"].as_str().unwrap(), tool);
            assert_eq!(result["content"].as_array().unwrap().len(), 1);
            assert_eq!(result["content"][0]["type"], "text");
            let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
            assert_eq!(text, Value::Object(receipt), "the same as text");
            assert_ne!(result["isError"], true);
        }
    }
    assert_eq!(
        proxy.agent().modern().tools_call("relay_reply", "{}").await.result()["resultType"],
        "complete"
    );
}

/// `mcp-<tool>-<uuid>`
fn assert_is_minted(key: &str, tool: &str) {
    let uuid = key.strip_prefix(&format!("mcp-{tool}-")).unwrap_or_else(|| panic!("{key}"));
    let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{key}");
    assert!(uuid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{key}");
}

/// B-5.1, B-5.2: never spawn, claims or reads.
#[tokio::test]
async fn nothing_else_is_queued() {
    let (_relay, proxy) = during_an_outage().await;
    for tool in
        ["relay_spawn_agent", "relay_list_messages", "relay_workspace_claim", "relay_shutdown", "relay_replY"]
    {
        let answer = proxy.agent().tools_call(tool, r#"{"idempotencyKey":"k"}"#).await;
        assert_eq!(answer.error_code(), -32002, "{tool}");
    }
    let unnamed = proxy.agent().call("tools/call", json!({"arguments": {}})).await;
    assert_eq!(unnamed.error_code(), -32002);
    assert_eq!(proxy.status().await["outbox"]["depth"], 0);
}

/// B-5.2: configurable.
#[tokio::test]
async fn the_runner_says_what_may_be_queued() {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).flag("--bufferable", "relay_note,relay_other").start().await;
    let agent = proxy.agent();
    for tool in ["relay_note", "relay_other"] {
        key_of_receipt(&agent.tools_call(tool, "{}").await);
    }
    assert_eq!(agent.tools_call("relay_spawn_agent", "{}").await.error_code(), -32002);
}

/// B-5.4, B-5.9: the receipt is the last thing before the power goes.
#[tokio::test]
async fn a_receipt_outlives_the_proxy() {
    let (relay, mut proxy) = during_an_outage().await;
    for n in 0..5 {
        queue(&proxy.agent(), &n.to_string()).await;
        proxy.restart().await;
    }
    assert_eq!(proxy.status().await["outbox"]["depth"], 5);
    relay.start_again().await;
    relay.applied_are(5).await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["0", "1", "2", "3", "4"]);
}

/// B-8.4: shutting down keeps the outbox.
#[tokio::test]
async fn a_receipt_outlives_a_shutdown() {
    let (relay, mut proxy) = during_an_outage().await;
    queue(&proxy.agent(), "kept").await;
    assert_eq!(proxy.terminate().await.code(), Some(0));
    proxy.restart().await;
    relay.start_again().await;
    relay.applied_are(1).await;
    assert_eq!(relay.applied_texts(), ["kept"]);
}

/// B-5.6: sent, and no answer: queued under the key that it was sent with.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_applied_once() {
    let half = vec![Step::Say(r#"{"jsonrpc":"2.0","id":$ID,"#.into()), Step::Reset];
    let half_stream = vec![Step::Say("data: {\"jsonrpc\":\"2.0\",\"id\":$ID,".into()), Step::Reset];
    let no_response =
        Canned::new(200, "text/event-stream", ": hello\n\ndata: {\"method\":\"notifications/x\"}\n\n");
    for fault in [
        Fault::ApplyThenReset,
        Fault::ApplyThenHang,
        Fault::ApplyThenAnswer(Canned::text(502, "bad gateway")),
        Fault::ApplyThenAnswer(Canned::text(503, "busy")),
        Fault::ApplyThenAnswer(Canned::text(504, "timeout")),
        Fault::ApplyThenAnswer(no_response),
        Fault::Steps(Canned::json(200, ""), half),
        Fault::Steps(Canned::sse(), half_stream),
    ] {
        let relay = Relay::start().await;
        let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
        relay.next(On::Tool("relay_reply"), fault.clone());
        let key = queue(&proxy.agent(), "once").await;
        proxy.depth_is(0).await;
        let arrived: Vec<String> = relay.arrivals().iter().map(|write| write.key.clone()).collect();
        assert_eq!(arrived, [key.clone(), key], "{fault:?}");
        assert_eq!(relay.applied_texts(), ["once"], "{fault:?}");
    }
}

/// B-5.6: nor is one lost that did not arrive.
#[tokio::test]
async fn a_write_that_is_lost_on_the_way_is_applied_once() {
    for fault in [Fault::Reset, Fault::Hang, Fault::status(502), Fault::status(503), Fault::status(504)] {
        let relay = Relay::start().await;
        let proxy = Proxy::to(&relay).relay_timeout("300ms").start().await;
        relay.next(On::Tool("relay_reply"), fault.clone());
        queue(&proxy.agent(), "once").await;
        relay.applied_are(1).await;
        proxy.depth_is(0).await;
        assert_eq!(relay.applied_texts(), ["once"], "{fault:?}");
    }
}

/// B-2.3, B-5.6: what the relay answers is the answer, however it is dressed; nothing is queued.
#[tokio::test]
async fn an_answer_is_an_answer() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let odd = r#"{ "id":$ID,"result":{"content":[],"x":1.0},"jsonrpc":"2.0"}"#;
    let is_error =
        r#"{"jsonrpc":"2.0","id":$ID,"result":{"isError":true,"content":[{"type":"text","text":"no"}]}}"#;
    for canned in [
        Canned::json(200, odd),
        Canned::json(200, is_error),
        Canned::json(200, r#"{"jsonrpc":"2.0","id":$ID,"error":{"code":-32602,"message":"no"}}"#),
        Canned::new(
            200,
            "text/event-stream",
            "id: 1\ndata:\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":{}}\n\n",
        ),
        Canned::text(400, "bad"),
        Canned::text(403, "no"),
        Canned::text(409, "taken"),
        Canned::text(422, "no"),
        Canned::text(429, "slowly").header("retry-after", "9"),
        Canned::text(500, "boom"),
    ] {
        relay.next(On::Tool("relay_reply"), Fault::Answer(canned.clone()));
        let params = json!({"name": "relay_reply", "arguments": {}});
        let answer = proxy.agent().request_with_id(&json!(3), "tools/call", &params).send().await;
        let wanted = String::from_utf8_lossy(&canned.body).replace("$ID", "3");
        assert_eq!((answer.status, answer.text()), (canned.status, wanted));
        assert_eq!(proxy.status().await["outbox"]["depth"], 0, "{canned:?}");
    }
    assert_eq!(relay.applied().len(), 0, "and none was sent again");
}

/// B-5.4: nothing old is dropped to make room.
#[tokio::test]
async fn a_full_outbox_refuses_the_new_and_keeps_the_old() {
    let relay = Relay::that().speaks(Speaks::Both).start_down().await;
    let proxy = Proxy::to(&relay).flag("--outbox-max-entries", "3").start().await;
    let agent = proxy.agent();
    for text in ["0", "1", "2"] {
        queue(&agent, text).await;
    }
    for refused in [&agent, &agent.modern()] {
        let answer = refused.tools_call("relay_reply", r#"{"text":"3"}"#).await;
        assert_eq!((answer.status, answer.error_code()), (200, -31004), "{}", answer.text());
    }
    relay.start_again().await;
    proxy.depth_is(0).await;
    agent.tools_call("relay_reply", r#"{"text":"4"}"#).await.result();
    assert_eq!(relay.applied_texts(), ["0", "1", "2", "4"]);
}

/// B-5.4, OUTBOX G9: bytes count too.
#[tokio::test]
async fn an_outbox_is_full_of_bytes_too() {
    let relay = Relay::that().start_down().await;
    let proxy = Proxy::to(&relay).flag("--outbox-max-bytes", "20000").start().await;
    let agent = proxy.agent();
    queue(&agent, "small").await;
    let big = agent.tools_call("relay_reply", &json!({"text": "x".repeat(30_000)}).to_string()).await;
    assert_eq!(big.error_code(), -31004);
    queue(&agent, "small too").await;
    relay.start_again().await;
    relay.applied_are(2).await;
    assert_eq!(relay.applied_texts(), ["small", "small too"]);
}

/// B-5.4, OUTBOX T5: a disk that is full. What was accepted is there, what was not is refused aloud.
#[tokio::test]
async fn a_full_disk_makes_no_false_promise() {
    let relay = Relay::that().start_down().await;
    let mut proxy = Proxy::to(&relay).file_limit(Some(2_048)).start().await;
    let agent = proxy.agent();
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for n in 0..60 {
        let text = format!("{n}-{}", "x".repeat(60_000));
        let answer = agent.tools_call("relay_reply", &json!({"text": text}).to_string()).await;
        if answer.rpc().get("error").is_some() {
            assert_eq!(answer.error_code(), -31003, "{}", answer.text());
            refused += 1;
        } else {
            key_of_receipt(&answer);
            accepted.push(text);
        }
        if refused == 3 {
            break;
        }
    }
    assert!(refused > 0, "the limit was reached");
    assert!(!accepted.is_empty(), "and not at once");
    assert_eq!(proxy.control().ask("GET", "/healthz", None).await.status, 200, "it lives on");
    proxy.restart_as(|builder| builder.file_limit(None)).await;
    relay.start_again().await;
    relay.applied_are(accepted.len()).await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), accepted);
}

/// B-5.11: nobody could answer what comes back.
#[tokio::test]
async fn a_call_that_needs_a_conversation_is_refused() {
    let (_relay, proxy) = during_an_outage().await;
    for agent in [proxy.agent(), proxy.agent().modern()] {
        for (member, value) in
            [("inputResponses", json!({"a": {}})), ("requestState", json!("s")), ("task", json!({"ttl": 1}))]
        {
            let mut params = json!({"name": "relay_reply", "arguments": {"text": "x"}});
            params[member] = value;
            let answer = agent.call("tools/call", params).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.error()["data"]["delivered"], "no", "{member}: {}", answer.text());
        }
    }
    assert_eq!(proxy.status().await["outbox"]["depth"], 0);
}

/// B-5.11: what is delivered later says the same in body and headers as what was sent now.
#[tokio::test]
async fn a_modern_write_is_delivered_as_a_modern_write() {
    let (relay, proxy) = during_an_outage().await;
    let params = json!({
        "name": "relay_reply",
        "arguments": {"text": "m", "n": 1},
        "_meta": {"progressToken": "p", "x-trace": {"a": 1}},
        "x-unknown": [1]
    });
    let ask = proxy.agent().modern().request("tools/call", &params).header("mcp-param-region", "eu");
    key_of_receipt(&ask.send().await);
    relay.start_again().await;
    relay.applied_are(1).await;
    proxy.depth_is(0).await;
    assert_eq!(proxy.status().await["outbox"]["deadLetters"], 0);
    let delivered = relay.request_of("tools/call").await;
    for (name, value) in [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "relay_reply"),
        ("mcp-param-region", "eu"),
    ] {
        assert_eq!(delivered.header(name), Some(value), "{name}");
    }
    let meta = &delivered.params()["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["x-trace"], json!({"a": 1}));
    assert_eq!(meta.get("progressToken"), None, "nobody waits for progress");
    assert_eq!(delivered.params()["x-unknown"], json!([1]));
    assert_eq!(delivered.params()["arguments"]["n"], 1);
}

/// B-5.8, B-2.1: later is not otherwise: the arguments are delivered as they were spelled.
#[tokio::test]
async fn queued_arguments_keep_their_spelling() {
    let (relay, proxy) = during_an_outage().await;
    let arguments = r#"{"z":1.50e+2,"text":"\u0061","big":123456789012345678901234567890,"a":[ 1 ],"idempotencyKey":"k"}"#;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"arguments":{arguments},"name":"relay_reply"}}}}"#
    );
    assert_eq!(key_of_receipt(&proxy.agent().post(body).send().await), "k");
    relay.start_again().await;
    relay.applied_are(1).await;
    let delivered = String::from_utf8(relay.request_of("tools/call").await.body.to_vec()).unwrap();
    assert!(delivered.contains(arguments), "{delivered}");
}

/// B-9.4: two agents' worth of writes at once, all accepted, all delivered, each once.
#[tokio::test]
async fn writes_at_the_same_time_are_all_kept() {
    let (relay, proxy) = during_an_outage().await;
    let asked: Vec<_> = (0..50)
        .map(|n| {
            let agent = proxy.agent();
            tokio::spawn(async move { queue(&agent, &n.to_string()).await })
        })
        .collect();
    let mut keys = Vec::new();
    for key in asked {
        keys.push(key.await.unwrap());
    }
    relay.start_again().await;
    relay.applied_are(50).await;
    proxy.depth_is(0).await;
    let mut delivered: Vec<String> = relay.applied().iter().map(|write| write.key.clone()).collect();
    assert_eq!(relay.arrivals().len(), 50);
    keys.sort();
    delivered.sort();
    assert_eq!(delivered, keys);
}

/// A tool that the relay has never shown is queued all the same: the list may be older than the tool.
#[tokio::test]
async fn a_write_needs_no_menu() {
    let relay = Relay::that().offers([tool("relay_other")]).start().await;
    let proxy = Proxy::to(&relay).start().await;
    proxy.agent().menu().await;
    relay.stop().await;
    queue(&proxy.agent(), "x").await;
    relay.start_again().await;
    relay.applied_are(1).await;
}
