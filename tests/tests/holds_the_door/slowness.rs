//! Who sends slowly is cut off in the time that the settings give, and told so (B-1.7); nobody else notices.

use std::time::{Duration, Instant};

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;

use crate::wire::{ASK, answers_in, good_ask, head};

/// The time that is given.
const GIVEN: Duration = Duration::from_millis(500);

/// How long it may take to be cut off on a busy machine; a drop a time would go on for an hour.
const SOON: Duration = Duration::from_secs(10);

async fn proxy(relay: &Relay) -> Proxy {
    Proxy::to(relay).flag("--head-timeout", "500ms").flag("--body-timeout", "500ms").start().await
}

/// Sends a byte now and then, so that the connection is never idle, until it is closed; what was said, and when.
async fn drip(mut raw: Raw, bytes: String) -> (String, Duration) {
    let start = Instant::now();
    for byte in bytes.into_bytes().into_iter().cycle() {
        raw.send([byte]).await;
        if !raw.is_quiet_for(Duration::from_millis(30)).await {
            break;
        }
    }
    (raw.to_end().await, start.elapsed())
}

fn is_too_slow(said: &str, took: Duration, limit: &str) {
    assert_eq!((status_of(said), answers_in(said)), (Some(408), 1), "{said}");
    assert!(said.contains(limit) && said.contains("connection: close"), "{said}");
    assert!(took >= GIVEN / 2, "it was given its time: {took:?}");
    assert!(took < SOON, "{took:?}");
}

/// A head that comes drop by drop: 408.
#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let relay = Relay::start().await;
    let proxy = proxy(&relay).await;
    let address = proxy.agent().address().to_owned();
    for begins in ["POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-slow: ", "P"] {
        let mut raw = Raw::connect(&address).await;
        raw.send(begins).await;
        let (said, took) = drip(raw, "x".to_owned()).await;
        is_too_slow(&said, took, "--head-timeout");
    }
    // The second head on a connection too.
    let mut raw = Raw::connect(&address).await;
    raw.send(good_ask(&proxy)).await;
    assert_eq!(status_of(&raw.answer().await), Some(200));
    raw.send("POST /mcp HTTP/1.1\r\nx-slow: ").await;
    let (said, took) = drip(raw, "x".to_owned()).await;
    is_too_slow(&said, took, "--head-timeout");
    assert_eq!(relay.requests().len(), 1);
    assert!(proxy.control().metrics().await.contains("door_refusals_total{status=\"408\"} 3\n"));
}

/// Nobody asked anything, so nobody is answered (RFC 9110, 15.5.9: a 408 there would be taken for the answer to what
/// the agent is just sending).
#[tokio::test]
async fn a_connection_without_a_request_is_closed_without_a_word() {
    let relay = Relay::start().await;
    let proxy = proxy(&relay).await;
    let mut raw = Raw::connect(proxy.agent().address()).await;
    assert_eq!(raw.to_end().await, "");
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(good_ask(&proxy)).await;
    assert_eq!(answers_in(&raw.to_end().await), 1);
}

/// A body that comes drop by drop, in chunks or not: 408.
#[tokio::test]
async fn a_slow_body_is_cut_off() {
    let relay = Relay::start().await;
    let proxy = proxy(&relay).await;
    for (lines, drops) in [
        ("content-length: 100000\r\n", " ".to_owned()),
        ("transfer-encoding: chunked\r\n", "1\r\n \r\n".to_owned()),
    ] {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        raw.send(head(&proxy, lines)).await;
        let (said, took) = drip(raw, drops).await;
        is_too_slow(&said, took, "--body-timeout");
    }
    assert_eq!(relay.requests().len(), 0);
}

/// A stranger is refused before the body, and cannot hold the connection with it either: within the seconds in which
/// what is left of it is thrown away.
#[tokio::test]
async fn a_refused_body_is_not_listened_to_for_ever() {
    let relay = Relay::start().await;
    let proxy = proxy(&relay).await;
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, "content-length: 100000\r\n").replacen("Bearer ", "Bearer x", 1)).await;
    let answer = raw.answer().await;
    assert_eq!(status_of(&answer), Some(401));
    let (said, took) = drip(raw, " ".to_owned()).await;
    assert_eq!(said, "");
    assert!(took < SOON, "{took:?}");
}

/// While a hundred of both kinds are at it, another agent is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_meanwhile() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).flag("--head-timeout", "30s").flag("--body-timeout", "30s").start().await;
    let mut slow = Vec::new();
    for n in 0..100 {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        let head = if n % 2 == 0 {
            "POST /mcp HTTP/1.1\r\nx-slow: ".to_owned()
        } else {
            head(&proxy, "content-length: 100000\r\n")
        };
        raw.send(head).await;
        slow.push(tokio::spawn(drip(raw, " ".to_owned())));
    }
    let agent = proxy.agent();
    for _ in 0..20 {
        let start = Instant::now();
        assert_eq!(agent.post(ASK).send().await.status, 200);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    assert!(slow.iter().all(|slow| !slow.is_finished()), "they were there all the time");
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}
