//! What the proxy has no business with crosses it byte for byte, as it comes (B-2.1 to B-2.3).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use relay_mcp_tests::agent::{Frame, Raw};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Canned, Fate, Fault, Gate, On, Relay, Step};
use relay_mcp_tests::wait::{until_true, within};
use serde_json::json;

/// Bodies that a re-serialiser would change.
const ODD: [&str; 7] = [
    r#"{ "params" : {"z":1,"a":1.50e+2,"n":-0.0,"big":123456789012345678901234567890} ,"method":"x/y" , "id" : 1e0,"jsonrpc":"2.0"}"#,
    r#"{"jsonrpc":"2.0","id":"\u0061\/","method":"resources\/read","params":{"uri":"a","uri":"b","x-unknown":null}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"relay_list_messages","arguments":{"a":1.0,"b":[ 1,2 ],"a":2}},"extra":{}}"#,
    "{\r\n\t\"jsonrpc\": \"2.0\",\r\n\t\"id\": 2,\r\n\t\"method\": \"prompts/get\"\r\n}\n",
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1e0,"reason":"\ud83d\ude00 ü"}}"#,
    r#"{"jsonrpc":"2.0","id":7.0,"result":{"roots":[{"uri":"file:\/\/\/"}]}}"#,
    r#"{"jsonrpc":"2.0","id":8,"error":{"code":-1e0,"message":"no"}}"#,
];

/// B-2.1
#[tokio::test]
async fn request_bodies_cross_byte_for_byte() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for body in ODD {
        relay.forget_requests();
        let answer = proxy.agent().post(body).send().await;
        assert!(answer.status < 300, "{}", answer.text());
        let seen: Vec<_> = relay.requests().iter().map(|request| request.body.clone()).collect();
        assert_eq!(seen, [body.as_bytes()], "{body}");
    }
}

/// B-3.1, B-4.1: the relay gets even those requests as they came whose answers are edited.
#[tokio::test]
async fn requests_whose_answers_are_edited_cross_byte_for_byte_too() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for body in [
        r#"{"id":1.0,"jsonrpc":"2.0", "method":"initialize","params":{"x":1e1,"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#,
        r#"{ "id":"\u0041","jsonrpc":"2.0","method":"tools\/list","params":{"x":1e1}}"#,
        r#"{"id":3, "jsonrpc":"2.0","method":"ping"}"#,
    ] {
        relay.forget_requests();
        assert_eq!(proxy.agent().post(body).send().await.status, 200);
        let seen: Vec<_> = relay.requests().iter().map(|request| request.body.clone()).collect();
        assert!(seen.iter().any(|seen| *seen == body.as_bytes()), "{body}: {seen:?}");
    }
}

/// B-2.3
#[tokio::test]
async fn answers_cross_byte_for_byte_with_their_status() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let odd = "{ \"result\":{\"b\":1.50e+2,\"a\":\"\\u0061\",\"a\":null},\"id\":1 ,\"jsonrpc\":\"2.0\"}\r\n";
    for status in [200, 201, 202, 400, 402, 403, 404, 405, 406, 409, 410, 418, 422, 429, 451, 500, 501, 505] {
        for (content_type, body) in [("application/json", odd), ("text/html", "<p>no</p>"), ("x/y", "")] {
            relay.next(On::Any, Fault::Answer(Canned::new(status, content_type, body)));
            let answer = proxy.agent().call("x/y", json!({})).await;
            let seen = (answer.status, answer.header("content-type"), answer.text());
            assert_eq!(seen, (status, Some(content_type), body.to_owned()));
        }
    }
}

/// B-2.3: bytes that are no text, too.
#[tokio::test]
async fn answers_need_not_be_text() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let bytes: Vec<u8> = (0..=255).collect();
    relay.next(On::Any, Fault::Answer(Canned::new(200, "application/octet-stream", bytes.clone())));
    assert_eq!(proxy.agent().call("x/y", json!({})).await.body, bytes);
}

/// B-2.3: a redirect is an answer like any other.
#[tokio::test]
async fn redirects_are_not_followed() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for status in [301, 302, 303, 307, 308] {
        relay.forget_requests();
        relay.next(On::Any, Fault::Answer(Canned::text(status, "").header("location", "/elsewhere")));
        let answer = proxy.agent().call("x/y", json!({})).await;
        assert_eq!((answer.status, answer.header("location")), (status, Some("/elsewhere")));
        assert_eq!(relay.requests().len(), 1);
    }
}

/// B-2.1
#[tokio::test]
async fn end_to_end_request_headers_cross() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("accept", "application/json, text/event-stream;q=0.9"),
        ("user-agent", "an-agent/1.0 (x)"),
        ("mcp-protocol-version", "2025-06-18"),
        ("mcp-method", "x/y"),
        ("mcp-param-region", "=?base64?w7w=?="),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("x-anything", "  as it is;  \"x\""),
        ("last-event-id", "42"),
        ("forwarded", "for=x"),
    ];
    let mut ask = proxy.agent().ask("POST").body(ODD[0]);
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    ask.header("x-twice", "1").header("x-twice", "2").send().await;
    let request = relay.requests().remove(0);
    for (name, value) in headers {
        assert_eq!(request.header(name), Some(value.trim()), "{name}");
    }
    let twice: Vec<_> =
        request.headers.get_all("x-twice").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(twice.join(","), "1,2");
}

/// B-2.1
#[tokio::test]
async fn other_request_headers_do_not_cross() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let ask = proxy.agent().post(ODD[0]).set("host", "localhost:1").header("origin", "http://localhost:3000");
    ask.header("cookie", "a=b")
        .header("connection", "x-hop, keep-alive")
        .header("x-hop", "1")
        .header("keep-alive", "timeout=5")
        .header("te", "trailers")
        .header("proxy-authorization", "Basic eA==")
        .header("accept-encoding", "gzip, br")
        .send()
        .await;
    let request = relay.requests().remove(0);
    assert_eq!(request.header("host"), Some(relay.origin().trim_start_matches("http://")));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    for name in ["authorization", "cookie", "origin", "x-hop", "keep-alive", "te", "proxy-authorization"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert_ne!(request.header("connection"), Some("x-hop, keep-alive"));
}

/// B-2.3
#[tokio::test]
async fn end_to_end_answer_headers_cross_and_others_do_not() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let crossing = [
        ("content-type", "application/json; charset=utf-8"),
        ("cache-control", "no-store"),
        ("retry-after", "7"),
        ("etag", "\"x\""),
        ("mcp-session-id", "a-session"),
        ("x-accel-buffering", "no"),
        ("x-anything", "as it is"),
        ("vary", "accept"),
    ];
    let mut canned = Canned { status: 200, headers: Vec::new(), body: "{}".into() };
    for (name, value) in crossing {
        canned = canned.header(name, value);
    }
    for (name, value) in [
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("www-authenticate", "Bearer resource_metadata=\"x\""),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=1"),
        ("proxy-authenticate", "Basic"),
    ] {
        canned = canned.header(name, value);
    }
    relay.next(On::Any, Fault::Answer(canned));
    let answer = proxy.agent().call("x/y", json!({})).await;
    for (name, value) in crossing {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    for name in ["set-cookie", "www-authenticate", "x-hop", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

/// B-2.1
#[tokio::test]
async fn the_query_crosses() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for query in ["", "?a=1&b=%20&a=2", "?x", "?q=%C3%BC+/?:@"] {
        relay.forget_requests();
        proxy.agent().post(ODD[0]).target(&format!("/mcp{query}")).send().await;
        assert_eq!(relay.requests().remove(0).target, format!("/api/mcp{query}"));
    }
}

/// B-10: an origin gets `/api/mcp`, a URL with a path is used as it is.
#[tokio::test]
async fn the_relay_url_may_name_a_path() {
    let relay = Relay::start().await;
    for (url, target) in [(relay.origin(), "/api/mcp"), (format!("{}/other/x", relay.origin()), "/other/x")] {
        relay.forget_requests();
        let proxy = Proxy::to_url(&url).start().await;
        proxy.agent().post(ODD[0]).send().await;
        assert_eq!(relay.requests().remove(0).target, target);
    }
}

/// B-2.3: what the relay says first is there before it says more.
#[tokio::test]
async fn an_event_stream_crosses_as_it_comes() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let gates = [Gate::new(), Gate::new()];
    let steps = vec![
        Step::Wait(gates[0].clone()),
        Step::Say("id: 1\ndata: {\"method\":\"notifications/progress\"}\n\n".into()),
        Step::Wait(gates[1].clone()),
        Step::Say("data: {\"id\":$ID,\"result\":{}}\n\n".into()),
    ];
    relay.next(On::Any, Fault::Steps(Canned::sse(), steps));
    let mut events = proxy.agent().request("x/y", &json!({})).open().await;
    assert_eq!(events.status, 200, "the head is there before any body");
    gates[0].open();
    assert_eq!(events.event().await.id.as_deref(), Some("1"));
    assert_eq!(relay.requests()[0].fate(), Fate::Open, "the relay has not said the rest");
    gates[1].open();
    assert_eq!(events.event().await.json()["result"], json!({}));
    assert_eq!(events.frame().await, None);
}

/// B-2.3: also of calls of tools that are no writes.
#[tokio::test]
async fn a_call_that_is_no_write_streams_its_progress() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let gate = Gate::new();
    let steps = vec![
        Step::Say("data: {\"method\":\"notifications/progress\"}\n\n".into()),
        Step::Wait(gate.clone()),
        Step::Say("data: {\"id\":$ID,\"result\":{}}\n\n".into()),
    ];
    relay.next(On::Tool("relay_spawn_agent"), Fault::Steps(Canned::sse(), steps));
    let mut events = proxy.agent().tool("relay_spawn_agent", "{}").open().await;
    assert_eq!(events.event().await.json()["method"], "notifications/progress");
    gate.open();
    assert_eq!(events.event().await.json()["result"], json!({}));
}

/// B-2.3: comments, priming events, any line ending, fields that nobody knows.
#[tokio::test]
async fn an_event_stream_crosses_byte_for_byte() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let odd = ": hello\r\n\r\nid: 0\ndata:\n\nretry: 10\r\revent: x\ndata: {\"a\":\ndata:1.0}\n\nx-field:1\n\ndata: cut";
    relay.next(On::Any, Fault::Answer(Canned::new(200, "text/event-stream", odd)));
    let answer = proxy.agent().call("x/y", json!({})).await;
    assert_eq!((answer.header("content-type"), answer.text().as_str()), (Some("text/event-stream"), odd));
}

/// B-2.3: it breaks off at the agent where it broke off at the relay.
#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_whole() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for canned in [Canned::json(200, ""), Canned::sse()] {
        let steps = vec![Step::Say("{\"half\":".into()), Step::Reset];
        relay.next(On::Any, Fault::Steps(canned, steps));
        let answer = proxy.agent().request("x/y", &json!({})).try_send().await;
        assert!(answer.is_err(), "a whole answer: {answer:?}");
    }
}

/// B-2.1, B-2.3: bodies up to the limit on the way out, of any size on the way back.
#[tokio::test]
async fn big_bodies_cross() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let noise: String =
        (0..500_000).map(|n: u32| format!("{:06x}", n.wrapping_mul(2_654_435_761) >> 8)).collect();
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x/y","params":{{"a":"{noise}"}}}}"#);
    proxy.agent().post(body.clone()).send().await;
    assert_eq!(relay.requests().remove(0).body, body);
    let big = format!("{{\"a\":\"{}\"}}", noise.repeat(10));
    relay.next(On::Any, Fault::json(200, big.clone()));
    assert_eq!(proxy.agent().call("x/y", json!({})).await.body, big);
}

/// B-2.3, B-7.4: what the agent does not read is not taken from the relay, and nobody else waits for it.
#[tokio::test]
async fn back_pressure_reaches_the_relay() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let said = Arc::new(AtomicUsize::new(0));
    relay.next(On::Rpc("x/flood"), Fault::Steps(Canned::sse(), vec![Step::Flood(said.clone())]));
    let flood = proxy.agent().request("x/flood", &json!({})).open().await;
    let level = within("the flood to stop", async {
        loop {
            let level = said.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(300)).await;
            if level > 0 && level == said.load(Ordering::SeqCst) {
                return level;
            }
        }
    })
    .await;
    assert!(level < 64 << 20, "socket buffers and no more: {level} bytes");
    assert_eq!(proxy.agent().call("ping", json!({})).await.status, 200);
    drop(flood);
    until_true("the relay is let go", || relay.requests()[0].fate() == Fate::Abandoned).await;
}

/// B-2.1: one connection serves many requests, and a refusal in between ends nothing.
#[tokio::test]
async fn connections_are_kept() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let mut raw = Raw::connect(proxy.agent().address()).await;
    for (body, status) in [(ODD[0], "200"), ("[]", "400"), (ODD[2], "200")] {
        raw.send(format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            proxy.secret(),
            body.len()
        ))
        .await;
        let answer = raw.answer().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

/// A connection that the relay closed while nobody used it is not an outage.
#[tokio::test]
async fn a_stale_connection_to_the_relay_is_not_an_outage() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for _ in 0..5 {
        assert_eq!(proxy.agent().tools_call("relay_list_messages", "{}").await.rpc()["id"], 1);
        relay.stop().await;
        relay.start_again().await;
        let answer = proxy.agent().tools_call("relay_list_messages", "{}").await;
        assert!(answer.rpc().get("result").is_some(), "{}", answer.text());
    }
}

/// B-4.2: the lock is the relay's.
#[tokio::test]
async fn a_call_of_a_hidden_tool_is_forwarded() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let answer = proxy.agent().tools_call("relay_workspace_status", r#"{"x":1}"#).await.result();
    assert_eq!(answer["content"][0]["text"], r#"{"x":1}"#);
    assert_eq!(relay.requests_of("tools/call").len(), 1);
}

/// B-9.1: ids keep their type and value, however many are under way at once.
#[tokio::test]
async fn each_request_gets_its_own_answer() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let gate = Gate::new();
    relay.next_n(6, On::Any, Fault::Wait(gate.clone()));
    let ids = [json!(1), json!("1"), json!(0), json!(-7), json!(""), json!("a\"b\u{e9}")];
    let asked: Vec<_> = ids
        .iter()
        .map(|id| tokio::spawn(proxy.agent().request_with_id(id, "ping", &json!({})).send()))
        .collect();
    until_true("all are at the relay", || relay.requests().len() == ids.len()).await;
    gate.open();
    for (id, answer) in ids.iter().zip(asked) {
        assert_eq!(answer.await.unwrap().rpc()["id"], *id);
    }
}

/// The frame type is what the stream tests read; a comment is no event.
#[tokio::test]
async fn comments_cross_too() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let steps = vec![Step::Say(": still here\n\n".into()), Step::Say("data: {}\n\n".into())];
    relay.next(On::Any, Fault::Steps(Canned::sse(), steps));
    let mut events = proxy.agent().request("x/y", &json!({})).open().await;
    assert_eq!(events.frame().await, Some(Frame::Comment("still here".into())));
    assert_eq!(events.event().await.data, "{}");
}
