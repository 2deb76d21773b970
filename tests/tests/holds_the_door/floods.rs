//! Too much of everything in a head (B-1.7): refused in words that arrive, whatever still comes behind them.

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;

use crate::wire::{ASK, answers_in, head, said_until_closed};

#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let length = format!("content-length: {}\r\n", ASK.len());
    let many = |count: usize| (0..count).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let long = "x".repeat(80 << 10);
    for (what, lines) in [
        ("a thousand headers", many(1_000)),
        ("a hundred thousand", many(100_000)),
        ("the same one, over and over", "x: 1\r\n".repeat(100_000)),
        ("a long value", format!("x-long: {long}\r\n")),
        ("a long name", format!("{long}: 1\r\n")),
        ("a long value that goes on", format!("x-long: {}\r\n", "x".repeat(1 << 20))),
        ("lines without end", "x-a: 1\r\n".repeat(200_000)),
    ] {
        // Many times: whether the words arrive is a race with the end of the connection.
        for _ in 0..5 {
            let said = said_until_closed(&proxy, head(&proxy, &(lines.clone() + &length)) + ASK).await;
            assert_eq!((status_of(&said), answers_in(&said)), (Some(431), 1), "{what}: {said:?}");
        }
    }
    let mut long_target =
        head(&proxy, &length).replacen("/mcp", &format!("/mcp?{}", "x".repeat(80 << 10)), 1) + ASK;
    let said = said_until_closed(&proxy, &long_target).await;
    assert!(matches!(status_of(&said), Some(414 | 431)), "{said:?}");
    long_target.truncate(70 << 10);
    let said = said_until_closed(&proxy, &long_target).await;
    assert!(matches!(status_of(&said), Some(414 | 431)), "before its end is there: {said:?}");
    assert_eq!(relay.requests().len(), 0);
    let metrics = proxy.control().metrics().await;
    assert!(metrics.contains("door_refusals_total{status=\"431\"} 37\n"), "{metrics}");
    assert_eq!(proxy.agent().post(ASK).send().await.status, 200);
}

/// As many as are allowed pass through, and no check is blinded by them.
#[tokio::test]
async fn among_many_headers_the_checks_are_the_same() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let many: String = (0..80).map(|n| format!("x-{n}: 1\r\n")).collect();
    let length = format!("content-length: {}\r\n", ASK.len());
    for (lines, status) in [
        (String::new(), 200),
        ("authorization: Bearer another\r\n".to_owned(), 401),
        ("host: localhost\r\n".to_owned(), 403),
        ("host: evil.example\r\n".to_owned(), 403),
        ("origin: http://localhost\r\norigin: http://evil.example\r\n".to_owned(), 403),
        ("origin: http://localhost\r\norigin: http://localhost\r\n".to_owned(), 403),
        ("content-encoding: identity\r\ncontent-encoding: gzip\r\n".to_owned(), 415),
    ] {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        raw.send(head(&proxy, &(many.clone() + &lines + &length)) + ASK).await;
        let said = raw.answer().await;
        assert_eq!(status_of(&said), Some(status), "{lines:?}: {said}");
    }
    assert_eq!(relay.requests().len(), 1);
}
