//! Nothing is unpacked here, in neither direction, so that no bomb goes off.

use std::process::{Command, Stdio};

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Canned, Fault, On, Relay};
use serde_json::json;

use crate::wire::{ASK, WireRelay, answers_in, head, header, said_until_closed};

const UNPACKED: usize = 256 << 20;

/// What the process may grow by: many times the bomb, and a small part of what is in it.
const ROOM: usize = 32 << 20;

/// A quarter of a GiB of zeros, as gzip makes it: some 260 KB.
fn bomb() -> Vec<u8> {
    let script = format!("head -c {UNPACKED} /dev/zero | gzip -c -1");
    let packed =
        Command::new("sh").args(["-c", &script]).stderr(Stdio::inherit()).output().expect("run gzip");
    assert!(packed.status.success() && packed.stdout.len() > 10_000, "gzip packs a file: please install it");
    packed.stdout
}

/// B-1: 415, before any of the body is read, whatever the coding is called.
#[tokio::test]
async fn a_body_in_a_coding_is_refused() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let bomb = bomb();
    for coding in [
        "gzip",
        "GZIP",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "gzip, gzip",
        "identity, gzip",
        "unheard-of",
        "",
    ] {
        let head = head(&proxy, &format!("content-encoding: {coding}\r\ncontent-length: {}\r\n", bomb.len()));
        let said = said_until_closed(&proxy, [head.as_bytes(), &bomb].concat()).await;
        assert_eq!((status_of(&said), answers_in(&said)), (Some(415), 1), "{coding}: {said}");
        assert_eq!(header(&said, "accept-encoding"), ["identity"], "{coding}");
    }
    // The same without a name is no JSON.
    let plain = head(&proxy, &format!("content-length: {}\r\n", bomb.len()));
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send([plain.as_bytes(), &bomb].concat()).await;
    assert_eq!(status_of(&raw.answer().await), Some(400));
    assert!(relay.take_seen().is_empty());
}

/// B-2.1: the relay is asked for no coding. One that does not listen gets its answer passed on as it is where nothing
/// in it has to be read; where something has, it is no JSON.
#[tokio::test]
async fn an_answer_in_a_coding_is_not_unpacked() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).start().await;
    let agent = proxy.agent();
    agent.greet().await;
    assert!(relay.requests().iter().all(|request| request.header("accept-encoding") == Some("identity")));
    let (bomb, before) = (bomb(), proxy.peak());
    for content_type in ["application/json", "text/event-stream"] {
        let packed = Canned::new(200, content_type, bomb.clone()).header("content-encoding", "gzip");
        for (method, params) in [
            ("x/y", json!({})),
            ("initialize", relay_mcp_tests::agent::initialize_params()),
            ("tools/list", json!({})),
            ("tools/call", json!({"name": "relay_list_messages", "arguments": {}})),
            ("tools/call", json!({"name": "relay_reply", "arguments": {"text": "x"}})),
        ] {
            relay.next(On::Rpc(method), Fault::Answer(packed.clone()));
            let answer = agent.request(method, &params).send().await;
            println!(
                "{method} {content_type}: {} {:?} {} bytes",
                answer.status,
                answer.header("content-encoding"),
                answer.body.len()
            );
            if answer.body == bomb {
                assert_eq!(answer.header("content-encoding"), Some("gzip"), "{method}");
            } else {
                assert!(answer.body.len() < 4096, "{method}: {}", answer.body.len());
                answer.rpc();
            }
        }
    }
    let grown = proxy.peak() - before;
    println!("grown by {} KiB over answers that unpack to {} each", grown >> 10, UNPACKED >> 10);
    assert!(grown < ROOM, "{grown}");
}

/// The agent's own wish for a coding does not reach the relay.
#[tokio::test]
async fn no_coding_is_asked_for() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let lines = format!(
        "accept-encoding: gzip, br\r\nte: gzip\r\ncontent-encoding: identity\r\ncontent-length: {}\r\n",
        ASK.len()
    );
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(head(&proxy, &lines) + ASK).await;
    assert_eq!(status_of(&raw.answer().await), Some(200));
    let seen = relay.take_seen();
    assert_eq!(header(&seen[0].head, "accept-encoding"), ["identity"]);
    assert!(header(&seen[0].head, "te").is_empty());
}
