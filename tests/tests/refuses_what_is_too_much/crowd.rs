//! Agents that take much room with little.

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::wait::until_async;

/// So many connections, each with a head of so many bytes that does not end; and one more, which is told so.
pub(crate) async fn of_unfinished_heads(proxy: &Proxy, count: usize, bytes: usize) {
    let before = proxy.usage().await.files;
    let address = proxy.agent().address().to_owned();
    let mut held = Vec::new();
    for _ in 0..count {
        let mut connection = Raw::connect(&address).await;
        connection
            .send(format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-long: {}", "x".repeat(bytes)))
            .await;
        held.push(connection);
    }
    let answer = Raw::connect(&address).await.to_end().await;
    assert_eq!(status_of(&answer), Some(503), "{answer}");
    assert!(answer.contains("--max-connections"), "{answer}");
    drop(held);
    let gone = async || (proxy.usage().await.files <= before + 2).then_some(());
    until_async("they are gone", gone).await;
}

/// A request whose body comes in pieces of a few bytes, each of which costs more than it holds.
pub(crate) async fn in_pieces(proxy: &Proxy, body: &str) -> Raw {
    in_pieces_of(64, proxy, body).await
}

/// The same in pieces of so many bytes.
pub(crate) async fn in_pieces_of(bytes: usize, proxy: &Proxy, body: &str) -> Raw {
    let agent = proxy.agent();
    let mut connection = Raw::connect(agent.address()).await;
    connection.send(head(proxy, "transfer-encoding: chunked")).await;
    for part in body.as_bytes().chunks(64 << 10) {
        let pieces: Vec<String> = part
            .chunks(bytes)
            .map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)))
            .collect();
        connection.send(pieces.concat()).await;
    }
    connection.send("0\r\n\r\n").await;
    connection
}

/// A request whose body is announced by its length.
pub(crate) fn whole(proxy: &Proxy, body: &str) -> String {
    head(proxy, &format!("content-length: {}", body.len())) + body
}

fn head(proxy: &Proxy, framing: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{framing}\r\n\r\n",
        proxy.secret()
    )
}
