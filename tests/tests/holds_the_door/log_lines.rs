//! Whatever strangers say, a line of the log stays one line, of a bounded length, that turns no terminal (B-8.2).

use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Canned, Fault, On, Relay};
use serde_json::{Value, json};

use crate::wire::head;

/// No line is longer, in bytes.
const MOST: usize = 8 << 10;

/// What would end a line, forge another, turn a terminal or the direction of reading.
const HOSTILE: &str = "x\r\n2026-01-01T00:00:00Z ERROR forged: yes\n{\"level\":\"ERROR\",\"message\":\"forged\"}\u{1b}[2J\u{1b}]0;forged\u{7}\u{9b}31m\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}\0\u{8}";

/// What a line begins with, which nobody but the proxy may write.
fn is_event(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (time, level, target) = (words.next(), words.next(), words.next());
    time.is_some_and(|time| time.len() == 27 && time.starts_with("20") && time.ends_with('Z'))
        && level.is_some_and(|level| ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level))
        && target.is_some_and(|target| {
            target.starts_with("relay_mcp_") || target.contains("::") || target.ends_with(':')
        })
}

/// Everything that a stranger, the agent and the relay can say, in every place that they can say it.
async fn say_all(relay: &Relay, proxy: &Proxy) {
    let long = HOSTILE.repeat(500);
    for text in [HOSTILE, &long] {
        let name = json!(text);
        let params = |tool: &Value| json!({"name": tool, "arguments": {"idempotencyKey": text, "text": text}, "_meta": {text: text}});
        let agent = proxy.agent();
        agent.request_with_id(&name, text, &json!({text: text})).send().await;
        agent.call("initialize", json!({"protocolVersion": text, "capabilities": {}, "clientInfo": {"name": text, "version": text}})).await;
        agent.call("tools/call", params(&name)).await;
        agent.call("tools/call", params(&json!("relay_reply"))).await;
        agent.modern().call("tools/call", params(&json!("relay_send_message"))).await;
        relay_says(relay, &agent, text).await;
    }
    let sanitized: String = HOSTILE.chars().filter(|c| !c.is_control()).collect();
    for session in [&sanitized, "\u{202e}%0a%1b[31m"] {
        let stranger = proxy.agent();
        stranger.set_session(Some(session.to_owned()));
        stranger.tools_list().await;
        stranger.ask("DELETE").send().await;
    }
    for bytes in [
        format!("GET /{HOSTILE} HTTP/1.1\r\n\r\n"),
        format!("{HOSTILE}\r\n\r\n"),
        format!("POST /mcp?%0a%0d\u{1b}[31m HTTP/1.1\r\nhost: {sanitized}\r\n\r\n"),
        format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\norigin: {sanitized}\r\nauthorization: Bearer {sanitized}\r\n\r\n"
        ),
        head(proxy, "content-length: 4\r\nmcp-session-id: \u{1b}[31m\r\n") + "null",
        head(proxy, "content-length: 4\r\nmcp-protocol-version: \u{202e}\r\nmcp-method: \u{2028}\r\n")
            + "\u{2028}x",
    ] {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        raw.send(bytes.into_bytes()).await;
        raw.send(b"\xff\xfe\x80").await;
        raw.finish().await;
        raw.to_end().await;
    }
}

async fn relay_says(relay: &Relay, agent: &Agent, text: &str) {
    let error = |id: Value| {
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": text, "data": text}})
            .to_string()
    };
    let all = ["x/y", "tools/list", "tools/call", "initialize"];
    for (answer, methods) in [
        (Canned::json(500, error(json!(1))), &all[..]),
        (Canned::json(400, error(json!(text))), &all),
        (Canned::text(401, text.to_owned()), &all),
        (Canned::json(200, text.to_owned()), &all),
        // An outage, which is waited for a while.
        (Canned::text(503, text.to_owned()), &["x/y"]),
    ] {
        for method in methods {
            relay.next(On::Rpc(method), Fault::Answer(answer.clone()));
            let key = format!("{} {method} {text}", answer.status);
            let params = json!({"name": "relay_reply", "arguments": {"idempotencyKey": key}});
            agent.call(method, params).await;
            relay.heal();
        }
    }
}

/// The lines of a proxy that heard all of it, in an outage and without.
async fn lines(format: &str) -> Vec<String> {
    let relay = Relay::that().requires("the-token").start().await;
    let proxy = Proxy::to(&relay)
        .token("the-token")
        .relay_timeout("2s")
        .flag("--log", format)
        .flag("--log-level", "trace")
        .start()
        .await;
    say_all(&relay, &proxy).await;
    relay.stop().await;
    let agent = proxy.agent();
    let keyed = |key: &str| json!({"name": "relay_reply", "arguments": {"idempotencyKey": key, "text": key}});
    for n in 0..3 {
        agent.call("tools/call", keyed(&format!("{n}{HOSTILE}"))).await;
    }
    agent.call("tools/call", keyed(&HOSTILE.repeat(1_000))).await;
    // Refused for good: a dead letter, with the relay's words as its reason.
    let refused =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": HOSTILE.repeat(1_000)}})
            .to_string();
    relay.always(On::Rpc("tools/call"), Fault::Answer(Canned::json(200, refused)));
    relay.start_again().await;
    proxy.dead_letters_are(4).await;
    for command in [&["outbox", "list"][..], &["status"]] {
        let ended = proxy.cli(command).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(
            !ended.stdout.contains(|c: char| c != '\n' && c.is_control()),
            "{command:?}: {}",
            ended.stdout
        );
        assert!(
            !ended.stdout.contains(['\u{202e}', '\u{2028}', '\u{2066}', '\u{61c}']),
            "{command:?}: {}",
            ended.stdout
        );
        assert!(
            !ended.stdout.lines().any(|line| line.starts_with("2026-01-01")),
            "{command:?}: {}",
            ended.stdout
        );
    }
    let logs = std::fs::read(proxy.home().path().join("stderr")).unwrap();
    let logs = String::from_utf8(logs).expect("the log is UTF-8");
    assert!(logs.contains("forged"), "what strangers say is logged, or this shows nothing");
    for control in logs.chars().filter(|c| *c != '\n') {
        assert!(!control.is_control(), "{control:?}");
        assert!(
            !matches!(control, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
            "{control:?}"
        );
    }
    logs.lines().map(str::to_owned).collect()
}

fn are_bounded(lines: &[String]) {
    let longest = lines.iter().map(String::len).max().unwrap();
    println!("{} lines, the longest {longest} bytes", lines.len());
    assert!(longest <= MOST, "{longest}");
    assert!(lines.iter().any(|line| line.contains(" bytes more)")), "long ones are cut, and it is said");
}

#[tokio::test]
async fn a_line_of_text_stays_one_line() {
    let lines = lines("text").await;
    are_bounded(&lines);
    for line in &lines {
        assert!(is_event(line), "{line:?}");
    }
}

#[tokio::test]
async fn a_line_of_json_stays_one_object() {
    let lines = lines("json").await;
    are_bounded(&lines);
    for line in &lines {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        for member in ["timestamp", "level", "target", "message"] {
            assert!(object[member].is_string(), "{member} of {line}");
        }
        assert_ne!(object["message"], "forged");
    }
}
