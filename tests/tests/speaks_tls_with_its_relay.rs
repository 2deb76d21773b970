//! A relay on TLS is served as any other, over HTTP/1.1 and over HTTP/2, where its certificate is good; where it is not,
//! the relay is down, and is sent nothing (B-2.2, B-5.1, B-7.3).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::time::Duration;

use http::Version;
use relay_mcp_tests::agent::{Agent, Events};
use relay_mcp_tests::proxy::{Proxy, ProxyBuilder};
use relay_mcp_tests::relay::{Authority, Canned, Fault, On, Relay, RelayBuilder, port};
use relay_mcp_tests::wait::{until_true, within};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

const HOST: &str = "127.0.0.1";
const TOKEN: &str = "the-token-of-the-runner";

/// What a relay may speak, and what is spoken with it then.
const PROTOCOLS: [(&[&str], Version); 3] =
    [(&[], Version::HTTP_11), (&["http/1.1"], Version::HTTP_11), (&["h2", "http/1.1"], Version::HTTP_2)];
const HTTP1: &[&str] = PROTOCOLS[1].0;
const HTTP2: &[&str] = PROTOCOLS[2].0;

/// A relay that this authority vouches for.
async fn relay(authority: &Authority, protocols: &[&str], kind: fn(RelayBuilder) -> RelayBuilder) -> Relay {
    kind(Relay::that().on(authority.server(HOST, protocols))).start().await
}

/// A proxy that trusts this authority.
fn proxy(relay: &Relay, authority: &Authority) -> ProxyBuilder {
    Proxy::to(relay).env("SSL_CERT_FILE", authority.file().to_str().unwrap())
}

/// Has the relay say something, and hears it.
async fn is_told(relay: &Relay, events: &mut Events, method: &str) {
    relay.notify(method).await;
    while events.event().await.json()["method"] != method {}
}

/// Asks so many things at once.
async fn ask_at_once(agent: &Agent, count: usize) {
    let mut asked = JoinSet::new();
    for _ in 0..count {
        let ask = agent.tool("relay_list_messages", "{}");
        asked.spawn(async move { ask.send().await.result() });
    }
    assert_eq!(asked.join_all().await.len(), count);
}

#[tokio::test]
async fn all_that_is_done_without_tls_is_done_with_it() {
    for (protocols, version) in PROTOCOLS {
        let authority = Authority::new();
        let kind = |relay: RelayBuilder| relay.keeps_sessions().streams().requires(TOKEN);
        let relay = relay(&authority, protocols, kind).await;
        let proxy = proxy(&relay, &authority).token(TOKEN).start().await;
        let agent = proxy.agent();
        agent.greet().await;
        assert!(!agent.menu().await.is_empty());
        let mut events = agent.listen().await;
        until_true("the relay has the stream", || relay.open_streams() == 1).await;
        is_told(&relay, &mut events, "notifications/one").await;
        ask_at_once(&agent, 64).await;

        relay.stop().await;
        agent.tools_call("relay_reply", r#"{"text":"while it is away"}"#).await.result();
        relay.start_again().await;
        assert_eq!(relay.applied_are(1).await[0].text(), "while it is away");
        until_true("the relay has the stream again", || relay.open_streams() == 1).await;
        is_told(&relay, &mut events, "notifications/two").await;

        for request in relay.requests() {
            assert_eq!((request.version, request.token()), (version, Some(TOKEN)), "{request:?}");
        }
    }
}

/// More than what may be on its way at once on a connection of HTTP/2, or in a record of TLS.
#[tokio::test]
async fn large_messages_cross_byte_for_byte() {
    const LARGE: usize = 9 << 20;
    for (protocols, _) in PROTOCOLS {
        let authority = Authority::new();
        let relay = relay(&authority, protocols, |relay| relay).await;
        let proxy = proxy(&relay, &authority).start().await;
        let answer = format!(r#"{{"jsonrpc":"2.0","id":$ID,"result":"{}"}}"#, "a".repeat(LARGE));
        relay.always(On::Any, Fault::Answer(Canned::new(200, "application/json", answer)));
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"x/y","params":{{"x":"{}"}}}}"#,
            "b".repeat(LARGE / 3)
        );
        for _ in 0..3 {
            let answered = proxy.agent().post(body.clone()).send().await;
            assert!(answered.text().ends_with(r#"aaa"}"#) && answered.body.len() > LARGE);
        }
        assert!(relay.requests().iter().all(|request| request.body == body), "{protocols:?}");
    }
}

/// A connection of HTTP/2 carries as many requests as the relay allows, some hundred; a stream is one that does not end.
#[tokio::test]
async fn more_streams_than_a_connection_of_http2_carries_share_some_and_keep_nothing_waiting() {
    const STREAMS: usize = 250;
    let authority = Authority::new();
    let relay = relay(&authority, HTTP2, RelayBuilder::streams).await;
    let proxy = proxy(&relay, &authority).flag("--max-streams", STREAMS.to_string()).start().await;
    let agent = proxy.agent();
    let mut streams = Vec::new();
    for at in 0..STREAMS {
        streams.push(agent.listen().await);
        until_true("the relay has the stream", || relay.open_streams() == at + 1).await;
    }
    agent.tools_call("relay_list_messages", "{}").await.result();
    assert!((2..=8).contains(&relay.connections()), "{} connections", relay.connections());

    relay.stop().await;
    relay.start_again().await;
    until_true("the relay has all streams again", || relay.open_streams() == STREAMS).await;
    assert!((2..=8).contains(&relay.connections()), "{} connections, all at once", relay.connections());
}

#[tokio::test]
async fn a_connection_of_http2_stays_open_while_it_is_used_and_no_longer() {
    const UNUSED: Duration = Duration::from_secs(12);
    let authority = Authority::new();
    let relay = relay(&authority, HTTP2, RelayBuilder::streams).await;
    let proxy = proxy(&relay, &authority).start().await;
    let agent = proxy.agent();
    let events = agent.listen().await;
    until_true("the relay has the stream", || relay.open_streams() == 1).await;
    ask_at_once(&agent, 32).await;
    tokio::time::sleep(UNUSED).await;
    agent.tools_call("relay_list_messages", "{}").await.result();
    assert_eq!((relay.open_streams(), relay.connections()), (1, 1));
    drop(events);
    until_true("the connection is closed", || relay.connections() == 0).await;
}

#[tokio::test]
async fn a_relay_may_come_back_with_another_protocol() {
    let authority = Authority::new();
    let relay = relay(&authority, HTTP2, RelayBuilder::streams).await;
    let proxy = proxy(&relay, &authority).start().await;
    let agent = proxy.agent();
    let mut events = agent.listen().await;
    for (turn, protocols) in [HTTP1, HTTP2, &[], HTTP2].into_iter().enumerate() {
        relay.stop().await;
        let tls = authority.server(HOST, protocols);
        relay.change(|behaviour| behaviour.tls = Some(tls));
        agent.tools_call("relay_reply", &format!(r#"{{"text":"{turn}"}}"#)).await.result();
        relay.start_again().await;
        relay.applied_are(turn + 1).await;
        until_true("the relay has the stream again", || relay.open_streams() == 1).await;
        is_told(&relay, &mut events, "notifications/x").await;
    }
    assert_eq!(relay.applied_texts(), ["0", "1", "2", "3"]);
}

/// B-2.2: least of all the token.
#[tokio::test]
async fn a_relay_with_a_wrong_certificate_is_down_and_is_sent_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for tls in [
        stranger.server(HOST, HTTP2),
        authority.server("relay.example", HTTP2),
        authority.expired_server(HOST, HTTP1),
    ] {
        let relay = Relay::that().on(tls).start().await;
        let proxy = proxy(&relay, &authority).token(TOKEN).start().await;
        let agent = proxy.agent();
        agent.greet().await;
        let refused = agent.tools_call("relay_list_messages", "{}").await.error();
        let message = refused["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("relay unreachable: invalid peer certificate: "), "{message}");
        assert_eq!(refused["data"]["delivered"], "no");
        agent.tools_call("relay_reply", r#"{"text":"x"}"#).await.result();
        assert_eq!(relay.requests().len(), 0);

        relay.stop().await;
        let tls = authority.server(HOST, HTTP2);
        relay.change(|behaviour| behaviour.tls = Some(tls));
        relay.start_again().await;
        assert_eq!(relay.applied_are(1).await[0].text(), "x");
    }
}

/// It takes connections, and says nothing. Nothing was sent to it, so nobody waits for an answer.
#[tokio::test]
async fn a_relay_that_does_not_agree_on_tls_is_down() {
    let listener = port::listen_anywhere().await;
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mute = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    let authority = Authority::new();
    let proxy = Proxy::to_url(&url).env("SSL_CERT_FILE", authority.file().to_str().unwrap());
    let proxy = proxy.relay_timeout("1s").start().await;
    let agent = proxy.agent();
    let refused = agent.tools_call("relay_list_messages", "{}").await.error();
    assert_eq!(refused["message"], "relay unreachable: no connection within 1s");
    assert_eq!(refused["data"]["delivered"], "no");
    agent.tools_call("relay_reply", r#"{"text":"x"}"#).await.result();
    mute.abort();
}

/// A TLS connection that ends without a word may have been cut by anybody; servers log it as an error.
#[tokio::test]
async fn a_connection_that_grew_old_is_closed_in_words() {
    let authority = Authority::new();
    let tls = authority.server(HOST, HTTP1);
    let listener = port::listen_anywhere().await;
    let url = format!("https://{}", listener.local_addr().unwrap());
    let proxy = Proxy::to_url(&url).env("SSL_CERT_FILE", authority.file().to_str().unwrap()).start().await;
    let agent = proxy.agent();
    let asked = tokio::spawn(async move { agent.call("x/y", json!({})).await.status });
    let mut connection = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
    let mut request = vec![0; 4096];
    assert!(connection.read(&mut request).await.unwrap() > 0);
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    assert_eq!(asked.await.unwrap(), 200);
    let ended = within("the connection to end", async {
        loop {
            match connection.read(&mut request).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error.kind()),
            }
        }
    });
    assert_eq!(ended.await, Ok::<(), ErrorKind>(()));
}
