//! Requests that two readers could cut into different ones: refused, or read in one way and written anew for the
//! relay (RFC 9112, 6 and 11.2; B-2.1).

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;

use crate::wire::{ASK, WireRelay, answers_in, chunked, good_ask, head, header, said_until_closed};

/// What an attacker wants the relay to see, with all that would let it in.
fn smuggled(proxy: &Proxy) -> String {
    head(proxy, "x-smuggled: yes\r\ncontent-length: 37\r\n") + r#"{"jsonrpc":"2.0","method":"smuggled"}"#
}

/// Refused with this status, closed, and nothing of it reaches the relay.
async fn is_refused(relay: &WireRelay, proxy: &Proxy, status: u16, request: &str) {
    let said = said_until_closed(proxy, request).await;
    assert_eq!(status_of(&said), Some(status), "{request:?}: {said:?}");
    assert_eq!(answers_in(&said), 1, "closed behind it: {request:?}: {said:?}");
    let seen = relay.take_seen();
    assert!(seen.is_empty(), "{request:?}: {seen:?}");
}

/// The relay sees one request, of which nobody can think otherwise.
fn is_one(relay: &WireRelay, request: &str) {
    let seen = relay.take_seen();
    assert_eq!(seen.len(), 1, "{request:?}: {seen:?}");
    seen[0].is_plain();
    assert_eq!(seen[0].body, ASK, "{request:?}");
    assert!(!seen[0].head.contains("smuggled"), "{request:?}");
}

/// RFC 9112, 6.1: chunks win, and the connection is closed behind the answer, so that what follows is nobody's request.
#[tokio::test]
async fn a_length_beside_chunks_counts_for_nothing() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    for lines in [
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", ASK.len()),
        "content-length: 4\r\ntransfer-encoding: chunked\r\n".to_owned(),
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n".to_owned(),
        "transfer-encoding: chunked\r\ncontent-length: 5000\r\n".to_owned(),
        "content-length: 0\r\nTransfer-Encoding:\tChunked \r\ncontent-length: 7\r\n".to_owned(),
    ] {
        let request = head(&proxy, &lines) + &chunked(ASK) + &smuggled(&proxy);
        let said = said_until_closed(&proxy, &request).await;
        assert_eq!((status_of(&said), answers_in(&said)), (Some(200), 1), "{lines:?}: {said:?}");
        is_one(&relay, &lines);
    }
}

#[tokio::test]
async fn a_length_that_is_none_is_refused() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let length = ASK.len();
    for lines in [
        format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 5),
        format!("content-length: {length}, {length}\r\n"),
        format!("content-length: +{length}\r\n"),
        format!("content-length: {length}.0\r\n"),
        format!("content-length: {length} {length}\r\n"),
        "content-length: -1\r\n".to_owned(),
        "content-length: 0x27\r\n".to_owned(),
        "content-length: \r\n".to_owned(),
        "content-length: 18446744073709551616\r\n".to_owned(),
    ] {
        is_refused(&relay, &proxy, 400, &(head(&proxy, &lines) + ASK + &smuggled(&proxy))).await;
    }
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunks_once_is_refused() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    for (coding, status) in [
        ("xchunked", 400),
        ("chunked, identity", 400),
        ("chunked;q=1", 400),
        ("\"chunked\"", 400),
        ("chunked\u{b}", 400),
        ("chunked\r\n foo", 400),
        ("chunked, chunked", 415),
        ("identity, chunked", 415),
        ("gzip, chunked", 415),
        (", chunked", 415),
        ("chunked\r\ntransfer-encoding: chunked", 415),
        ("identity\r\ntransfer-encoding: chunked", 415),
    ] {
        let request = head(&proxy, &format!("transfer-encoding: {coding}\r\n")) + &chunked(ASK);
        is_refused(&relay, &proxy, status, &(request + &smuggled(&proxy))).await;
    }
    let old = head(&proxy, "transfer-encoding: chunked\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1);
    let said = said_until_closed(&proxy, old + &chunked(ASK) + &smuggled(&proxy)).await;
    assert!(
        said.starts_with("HTTP/1.1 400") || said.starts_with("HTTP/1.0 400"),
        "no chunks in HTTP/1.0: {said}"
    );
    assert!(relay.take_seen().is_empty());
}

#[tokio::test]
async fn a_line_that_could_be_two_is_refused() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let length = ASK.len();
    for lines in [
        format!("x-a: 1\r x-b: 2\r\ncontent-length: {length}\r\n"),
        format!("x-a: 1\rcontent-length: {length}\r\n"),
        format!("x-a: 1\r\n x-b: 2\r\ncontent-length: {length}\r\n"),
        format!("x-a: 1\r\n\tx-b: 2\r\ncontent-length: {length}\r\n"),
        format!("content-length:\r\n {length}\r\n"),
        format!(" x-a: 1\r\ncontent-length: {length}\r\n"),
        format!("content-length : {length}\r\n"),
        format!("content-length\t: {length}\r\n"),
        format!("x-a: a\0b\r\ncontent-length: {length}\r\n"),
        format!("x\0a: b\r\ncontent-length: {length}\r\n"),
        format!("x-a: a\u{7f}b\r\ncontent-length: {length}\r\n"),
        format!(": 1\r\ncontent-length: {length}\r\n"),
        format!("no header at all\r\ncontent-length: {length}\r\n"),
        format!("x(a): 1\r\ncontent-length: {length}\r\n"),
    ] {
        is_refused(&relay, &proxy, 400, &(head(&proxy, &lines) + ASK + &smuggled(&proxy))).await;
    }
    for line in [
        "GET /mcp\r\n\r\n",
        "POST  /mcp HTTP/1.1\r\n\r\n",
        "POST /mcp HTTP/1.1 x\r\n\r\n",
        "POST /mcp HTTP/3.0\r\n\r\n",
    ] {
        is_refused(&relay, &proxy, 400, line).await;
    }
    // HTTP/2 is not spoken here, and who speaks it is not told in HTTP/1.1.
    let said = said_until_closed(&proxy, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn chunks_that_are_none_are_refused() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let length = ASK.len();
    for body in [
        format!("{length:x};a\nb\r\n{ASK}\r\n0\r\n\r\n"),
        format!("{length:x}\n{ASK}\n0\n\n"),
        format!("0x{length:x}\r\n{ASK}\r\n0\r\n\r\n"),
        format!("-{length:x}\r\n{ASK}\r\n0\r\n\r\n"),
        format!("+{length:x}\r\n{ASK}\r\n0\r\n\r\n"),
        format!("\r\n{ASK}\r\n0\r\n\r\n"),
        format!(" {length:x}\r\n{ASK}\r\n0\r\n\r\n"),
        format!("{length:x}\r\n{ASK}xx0\r\n\r\n"),
        format!("{:x}\r\n{ASK}\r\n0\r\n\r\n", length - 1),
        format!("1{}\r\n{ASK}\r\n0\r\n\r\n", "f".repeat(16)),
        format!("{length:x};{}\r\n{ASK}\r\n0\r\n\r\n", "x".repeat(40_000)),
        format!("{length:x}\r\n{ASK}\r\n0\r\nno trailer\r\n\r\n"),
        format!("{length:x}\r\n{ASK}\r\n0\r\nx: {}\r\n\r\n", "x".repeat(80_000)),
    ] {
        let request = head(&proxy, "transfer-encoding: chunked\r\n") + &body + &smuggled(&proxy);
        is_refused(&relay, &proxy, 400, &request).await;
    }
}

/// What is odd and has one meaning only is written anew.
#[tokio::test]
async fn what_is_understood_is_written_anew() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().start().await;
    let length = ASK.len();
    let chunks = head(&proxy, "transfer-encoding: chunked\r\n");
    for request in [
        // RFC 9112, 2.2: a line may end with a bare LF. To the relay none does.
        good_ask(&proxy).replace("\r\n", "\n"),
        head(&proxy, &format!("x-a: 1\nx-b: 2\ncontent-length: {length}\r\n")) + ASK,
        head(&proxy, &format!("content-length: {length}\r\ncontent-length: {length}\r\n")) + ASK,
        head(&proxy, &format!("content_length: 5\r\nContent-Length: {length}\r\n")) + ASK,
        format!("\r\n\r\n{}", good_ask(&proxy)),
        chunks.clone() + &chunked(ASK),
        chunks.clone() + &format!("{length:X};a=b;c=\"d\" \r\n{ASK}\r\n0;x\r\n\r\n"),
        chunks.clone() + &format!("000{length:x} \r\n{ASK}\r\n00\r\n\r\n"),
        chunks.clone()
            + &ASK.bytes().map(|byte| format!("1\r\n{}\r\n", byte as char)).collect::<String>()
            + "0\r\n\r\n",
    ] {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        raw.send(&request).await;
        assert_eq!(status_of(&raw.answer().await), Some(200), "{request:?}");
        is_one(&relay, &request);
        // The connection is where it should be: the next request is the next one.
        raw.send(good_ask(&proxy)).await;
        assert_eq!(status_of(&raw.answer().await), Some(200), "{request:?}");
        is_one(&relay, &request);
    }
}

/// Trailers come when the door is already open: they are no headers, neither here nor there.
#[tokio::test]
async fn trailers_are_no_headers() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().token("the-token-of-the-runner").start().await;
    let trailers =
        "authorization: Bearer forged\r\nhost: evil.example\r\ncontent-length: 3\r\nx-trailer: 1\r\n";
    let body = format!("{:x}\r\n{ASK}\r\n0\r\n{trailers}\r\n", ASK.len());
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(
        head(&proxy, "transfer-encoding: chunked\r\ntrailer: authorization\r\nte: trailers\r\n") + &body,
    )
    .await;
    assert_eq!(status_of(&raw.answer().await), Some(200));
    let seen = relay.take_seen();
    seen[0].is_plain();
    assert_eq!(header(&seen[0].head, "authorization"), ["Bearer the-token-of-the-runner"]);
    assert!(header(&seen[0].head, "x-trailer").is_empty() && !seen[0].head.contains("evil"), "{seen:?}");

    // The secret in a trailer opens nothing.
    let without = head(&proxy, "transfer-encoding: chunked\r\n").replacen("authorization:", "x-not:", 1);
    let body = format!("{:x}\r\n{ASK}\r\n0\r\nauthorization: Bearer {}\r\n\r\n", ASK.len(), proxy.secret());
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(without + &body).await;
    assert_eq!(status_of(&raw.answer().await), Some(401));
    assert!(relay.take_seen().is_empty());
}

/// The agent's hop-by-hop headers are its own, also where it names others as such (RFC 9110, 7.6.1).
#[tokio::test]
async fn what_belongs_to_a_connection_stays_on_it() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().token("the-token-of-the-runner").start().await;
    let lines = format!(
        "connection: close, authorization, x-hop, content-length, host\r\nx-hop: 1\r\nkeep-alive: 5\r\n\
         upgrade: websocket\r\nte: trailers\r\nproxy-authorization: Basic x\r\nproxy-connection: close\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n",
        ASK.len()
    );
    let said = said_until_closed(&proxy, head(&proxy, &lines) + ASK).await;
    assert!(said.contains("HTTP/1.1 200"), "{said}");
    let seen = relay.take_seen();
    seen[0].is_plain();
    assert_eq!(header(&seen[0].head, "authorization"), ["Bearer the-token-of-the-runner"]);
    for name in ["x-hop", "keep-alive", "upgrade", "te", "proxy-authorization", "proxy-connection", "expect"]
    {
        assert!(header(&seen[0].head, name).is_empty(), "{name}: {}", seen[0].head);
    }
}

/// A body that is announced longer than it is, or shorter, is not what the relay gets.
#[tokio::test]
async fn a_body_that_lies_about_its_length_is_not_passed_on() {
    let relay = WireRelay::start().await;
    let proxy = relay.proxy().flag("--body-timeout", "500ms").start().await;
    let longer = head(&proxy, "content-length: 5000\r\n") + ASK;
    for ends in [true, false] {
        let mut raw = Raw::connect(proxy.agent().address()).await;
        raw.send(&longer).await;
        if ends {
            raw.finish().await;
        }
        let said = raw.to_end().await;
        assert_eq!(status_of(&said), Some(if ends { 400 } else { 408 }), "{said}");
        assert!(said.contains(if ends { "ends too early" } else { "--body-timeout" }), "{said}");
    }
    // Chunks of which the last is missing, and one that is larger than all memory.
    let chunks = head(&proxy, "transfer-encoding: chunked\r\n");
    for body in [format!("{:x}\r\n{ASK}\r\n", ASK.len()), format!("{}\r\n{ASK}", "f".repeat(16))] {
        let said = said_until_closed(&proxy, chunks.clone() + &body).await;
        assert_eq!(status_of(&said), Some(408), "{said}");
    }
    // Shorter: what is left over is the beginning of the next request, and is none.
    let said = said_until_closed(&proxy, head(&proxy, "content-length: 10\r\n") + ASK + "\r\n\r\n").await;
    assert_eq!(said.matches("HTTP/1.1 400").count(), 2, "{said}");
    assert_eq!(answers_in(&said), 2, "{said}");
    assert!(relay.take_seen().is_empty());
    // A GET has no body here, whatever it says.
    let get =
        head(&proxy, &format!("content-length: {}\r\n", smuggled(&proxy).len())).replacen("POST", "GET", 1);
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(get + &smuggled(&proxy)).await;
    raw.finish().await;
    raw.to_end().await;
    assert!(
        relay
            .take_seen()
            .iter()
            .all(|seen| !seen.body.contains("smuggled") && !seen.head.contains("smuggled"))
    );
}
