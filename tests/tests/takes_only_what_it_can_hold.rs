//! The limits of the door (B-1.5, B-1.7, B-9.8): each is refused aloud, and nothing beyond them harms it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::agent::{Ask, Raw};
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Fault, Gate, On, Relay};
use relay_mcp_tests::wait::{until_async, until_true};
use serde_json::json;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// A POST of a ping with everything right.
fn good(proxy: &Proxy) -> Ask {
    proxy.agent().post(PING)
}

/// B-9.8: depth is no way to break in. It may pass through or be refused, but it is answered.
#[tokio::test]
async fn deep_nesting_breaks_nothing() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let objects = r#"{"a":"#.repeat(100_000) + "1" + &"}".repeat(100_000);
    for body in [
        format!("{open}{close}"),
        open.clone(),
        objects.clone(),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x/y","params":{{"a":{open}{close}}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{objects}}}"#),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"relay_reply","arguments":{objects}}}}}"#
        ),
        format!(r#"{{"jsonrpc":"2.0","id":{open}{close},"method":"ping"}}"#),
    ] {
        let answer = proxy.agent().post(body).send().await;
        assert!(matches!(answer.status, 200 | 202 | 400), "{}: {}", answer.status, answer.text());
    }
    assert_eq!(good(&proxy).send().await.status, 200, "it is alive");
}

/// B-1.5, B-1.7
#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_announced_length() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--max-body-bytes", "100").start().await;
    let fitting = format!("{PING}{}", " ".repeat(100 - PING.len()));
    assert_eq!(proxy.agent().post(fitting.clone()).send().await.status, 200);
    let answer = proxy.agent().post(fitting + " ").send().await;
    assert_eq!(answer.status, 413, "{}", answer.text());

    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, "content-length: 99999999999")).await;
    assert_eq!(status_of(&raw.answer().await), Some(413), "not a byte of the body was sent");
}

/// B-1.5, B-1.7
#[tokio::test]
async fn a_body_over_the_limit_is_refused_as_it_comes_in_chunks() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--max-body-bytes", "100").start().await;
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, "transfer-encoding: chunked")).await;
    for _ in 0..3 {
        raw.send(format!("28\r\n{}\r\n", " ".repeat(40))).await;
    }
    assert_eq!(status_of(&raw.answer().await), Some(413), "the end of the body was not sent");
    assert_eq!(relay.requests().len(), 0);

    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, "transfer-encoding: chunked")).await;
    let (one, two) = PING.split_at(10);
    raw.send(format!("{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", one.len(), two.len())).await;
    assert_eq!(status_of(&raw.answer().await), Some(200));
}

/// B-1.7: 4 MiB unless told otherwise.
#[tokio::test]
async fn the_default_body_limit_is_four_mebibytes() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let fitting = format!("{PING}{}", " ".repeat((4 << 20) - PING.len()));
    assert_eq!(proxy.agent().post(fitting).send().await.status, 200);
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, &format!("content-length: {}", (4 << 20) + 1))).await;
    assert_eq!(status_of(&raw.answer().await), Some(413));
}

/// B-1.7
#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--max-header-bytes", "8192").start().await;
    assert_eq!(good(&proxy).header("x-big", &"x".repeat(4_000)).send().await.status, 200);
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, &format!("x-big: {}", "x".repeat(16_000)))).await;
    let status = status_of(&raw.answer().await);
    assert_eq!(status, Some(431));
    assert_eq!(relay.requests().len(), 1);
}

/// B-1.7
#[tokio::test]
async fn a_head_that_does_not_arrive_is_not_waited_for() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--head-timeout", "300ms").start().await;
    let start = Instant::now();
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send("POST /mcp HTTP/1.1\r\nhost: localh").await;
    let answer = raw.to_end().await;
    assert_eq!(status_of(&answer), Some(408), "{answer}");
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(200), "it was given its time: {waited:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
}

/// B-1.7
#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--body-timeout", "300ms").start().await;
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, "content-length: 100") + "{").await;
    let answer = raw.answer().await;
    assert_eq!(status_of(&answer), Some(408), "{answer}");
    assert_eq!(relay.requests().len(), 0);
}

/// B-1.7
#[tokio::test]
async fn too_many_requests_at_once_are_told_to_come_again() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--max-requests", "2").start().await;
    let agent = proxy.agent();
    let gate = Gate::new();
    relay.next_n(2, On::Rpc("x/wait"), Fault::Wait(gate.clone()));
    let waiting: Vec<_> = (0..2).map(|_| tokio::spawn(agent.request("x/wait", &json!({})).send())).collect();
    until_true("both are at the relay", || relay.requests().len() == 2).await;
    let answer = good(&proxy).send().await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()));
    gate.open();
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status, 200);
    }
    let again = async || (good(&proxy).send().await.status == 200).then_some(());
    until_async("there is room again", again).await;
}

/// B-1.7
#[tokio::test]
async fn streams_over_the_limit_are_refused() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--max-streams", "1").start().await;
    let agent = proxy.agent();
    agent.greet().await;
    let open = agent.listen().await;
    assert_eq!(agent.stream().send().await.status, 429);
    assert_eq!(good(&proxy).send().await.status, 200, "streams are not requests");
    drop(open);
    let again = async || (agent.stream().open().await.status == 200).then_some(());
    until_async("the closed stream has made room", again).await;
}

/// B-9.8
#[tokio::test]
async fn noise_on_the_socket_harms_nobody() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    for noise in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\r\n\r\n\r\n", b"GET\r\n\r\n", &[0xff; 4096]] {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        raw.send(noise).await;
        raw.finish().await;
        let answer = raw.to_end().await;
        assert!(matches!(status_of(&answer), None | Some(400..=499)), "{answer}");
    }
    assert_eq!(good(&proxy).send().await.status, 200);
}

/// The head of a POST with everything right and one more header.
fn head(proxy: &Proxy, header: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n{header}\r\n\r\n",
        proxy.secret()
    )
}
