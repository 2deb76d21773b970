//! A relay that answers as no relay should: the agent gets one answer to each of its requests, its own (B-9.1), and
//! nothing that could be taken for the beginning of another.

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;
use serde_json::{Value, json};

use crate::wire::{WireRelay, answer, answers_in, chunked, head, result};

const ATTACKED: &str = "attacked";

/// What the agent gets for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    /// The relay's answer, whole.
    Answer,
    /// An error: the relay did not answer.
    Error,
    /// An answer that breaks off, connection and all, and cannot be taken for whole.
    Broken,
    /// A status without a body.
    Nothing(u16),
}

fn ask(proxy: &Proxy, id: u32, method: &str) -> String {
    let body = json!({"jsonrpc": "2.0", "id": id, "method": method}).to_string();
    head(proxy, &format!("content-length: {}\r\n", body.len())) + &body
}

fn json_of(said: &str) -> Value {
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    let (start, end) = (body.find('{').unwrap_or(0), body.rfind('}').map_or(0, |at| at + 1));
    serde_json::from_str(&body[start..end]).unwrap_or_default()
}

fn length(body: &str) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

/// Answers with the bytes that are built around an honest answer, and what the agent gets for them.
fn attacks(honest: &str) -> Vec<(&'static str, Vec<u8>, Gets)> {
    let with = |lines: &str| answer("200 OK", &(length(honest) + lines), honest);
    let coded = |lines: &str| answer("200 OK", lines, &chunked(honest));
    let evil = result(&json!(2), "evil");
    let second = answer("200 OK", &length(&evil), &evil);
    vec![
        (
            "a length that is too short, and chunks",
            coded("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            Gets::Answer,
        ),
        (
            "a length that is too long, and chunks",
            coded("Transfer-Encoding: chunked\r\nContent-Length: 500\r\n"),
            Gets::Answer,
        ),
        ("two lengths", with("Content-Length: 5\r\n"), Gets::Error),
        (
            "a length with a sign",
            answer("200 OK", &format!("Content-Length: +{}\r\n", honest.len()), honest),
            Gets::Error,
        ),
        ("chunks in a coding", coded("Transfer-Encoding: gzip, chunked\r\n"), Gets::Error),
        ("a coding without chunks", answer("200 OK", "Transfer-Encoding: xchunked\r\n", honest), Gets::Error),
        ("another answer behind it", [with(""), second.clone()].concat(), Gets::Answer),
        (
            "another answer behind no body",
            [answer("204 No Content", "", ""), second.clone()].concat(),
            Gets::Nothing(204),
        ),
        ("a body where there is none", answer("304 Not Modified", &length(&evil), &evil), Gets::Nothing(304)),
        ("a header with a bare CR", with("x-a: 1\rx-evil: 2\r\n"), Gets::Error),
        ("a folded header", with("x-a: 1\r\n x-evil: 2\r\n"), Gets::Error),
        ("a header with a NUL", with("x-a: 1\0\r\n"), Gets::Error),
        ("a space before the colon", with("x-a : 1\r\n"), Gets::Error),
        (
            "a switch of protocols",
            [answer("101 Switching Protocols", "Upgrade: x\r\nConnection: upgrade\r\n", ""), second.clone()]
                .concat(),
            Gets::Error,
        ),
        (
            "hints before it",
            [b"HTTP/1.1 103 Early Hints\r\nlink: <evil>\r\n\r\n".to_vec(), with("")].concat(),
            Gets::Answer,
        ),
        (
            "too many headers",
            with(&(0..200).map(|n| format!("x-{n}: 1\r\n")).collect::<String>()),
            Gets::Error,
        ),
        ("a head without end", with(&format!("x-a: {}\r\n", "x".repeat(1 << 20))), Gets::Error),
        ("no HTTP at all", honest.as_bytes().to_vec(), Gets::Error),
        ("a status that is none", answer("20 OK", &length(honest), honest), Gets::Error),
        ("a reason that colours terminals", answer("200 \u{1b}[31mOK", &length(honest), honest), Gets::Error),
        (
            "chunks that are none",
            answer("200 OK", "Transfer-Encoding: chunked\r\n", &format!("zz\r\n{honest}\r\n0\r\n\r\n")),
            Gets::Broken,
        ),
        (
            "trailers",
            answer(
                "200 OK",
                "Transfer-Encoding: chunked\r\nTrailer: x-t\r\n",
                &format!("{:x}\r\n{honest}\r\n0\r\nx-t: evil\r\nset-cookie: evil=1\r\n\r\n", honest.len()),
            ),
            Gets::Answer,
        ),
        (
            "headers of the connection",
            with(
                "Connection: x-hop\r\nx-hop: evil\r\nKeep-Alive: evil\r\nUpgrade: evil\r\nProxy-Authenticate: evil\r\nSet-Cookie: evil=1\r\nWWW-Authenticate: evil\r\n",
            ),
            Gets::Answer,
        ),
    ]
}

#[tokio::test]
async fn the_agent_gets_one_answer_to_each_request() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let honest = result(&json!(1), "good");
    for (what, bytes, gets) in attacks(&honest) {
        relay.answers(ATTACKED, bytes);
        is_contained(&proxy, what, gets).await;
    }
    // Whatever comes behind a length is nobody's answer, and what is missing in front of it is missed.
    for (what, body, gets) in [
        ("more than its length", honest.clone() + "evil", Gets::Answer),
        ("less", honest[..9].to_owned(), Gets::Broken),
    ] {
        relay.answers_and_closes(ATTACKED, answer("200 OK", &length(&honest), &body));
        is_contained(&proxy, what, gets).await;
    }
}

/// One request that is answered so, and another on the same connection of the agent, which must get its own answer.
async fn is_contained(proxy: &Proxy, what: &str, gets: Gets) {
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(ask(proxy, 1, ATTACKED)).await;
    let said = if gets == Gets::Broken { raw.to_end().await } else { raw.answer().await };
    assert!(!said.contains("evil"), "{what}: {said}");
    match gets {
        Gets::Answer => assert_eq!(json_of(&said)["result"]["says"], "good", "{what}: {said}"),
        Gets::Error => assert_eq!(json_of(&said)["error"]["code"], -32002, "{what}: {said}"),
        Gets::Broken => assert!(!said.ends_with("0\r\n\r\n"), "{what}: {said}"),
        Gets::Nothing(status) => assert_eq!(status_of(&said), Some(status), "{what}: {said}"),
    }
    assert!(answers_in(&said) <= 1, "{what}: {said}");
    if gets == Gets::Broken {
        raw = Raw::connect(proxy.agent().address()).await;
    }
    raw.send(ask(proxy, 2, "x/next")).await;
    let next = raw.answer().await;
    assert_eq!(answers_in(&next), 1, "{what}: {next}");
    let next = json_of(&next);
    assert_eq!((&next["id"], &next["result"]["says"]), (&json!(2), &json!("good")), "{what}: {next}");
}

/// An answer that nobody asked for is waiting when the next request comes: it is not taken for the answer to that.
#[tokio::test]
async fn an_answer_that_comes_unasked_is_nobodys() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let (honest, evil) = (result(&json!(1), "good"), result(&json!(2), "evil"));
    let evil = answer("200 OK", &length(&evil), &evil);
    for _ in 0..5 {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        relay.answers_and_goes_on(
            ATTACKED,
            answer("200 OK", &length(&honest), &honest),
            [&evil[..], &evil].concat(),
        );
        raw.send(ask(&proxy, 1, ATTACKED)).await;
        assert_eq!(json_of(&raw.answer().await)["result"]["says"], "good");
        relay.has_gone_on().await;
        raw.send(ask(&proxy, 2, "x/next")).await;
        let next = raw.answer().await;
        assert_eq!(json_of(&next)["result"]["says"], "good", "{next}");
    }
}
