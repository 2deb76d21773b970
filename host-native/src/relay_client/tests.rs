//! Requests over connections that a relay closes, holds back or answers early on.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A relay that a test plays by hand.
struct Relay(TcpListener);

impl Relay {
    async fn listen() -> (Self, RelayClient) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
        let client = RelayClient::new(endpoint, TokenSource::fixed(None), Duration::from_secs(5)).unwrap();
        (Self(listener), client)
    }

    async fn accept(&self) -> TcpStream {
        self.0.accept().await.unwrap().0
    }
}

/// Reads the head of a request, and no more than comes with it.
async fn read_head(connection: &mut TcpStream) {
    let (mut seen, mut some) = (Vec::new(), [0; 4096]);
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        let length = connection.read(&mut some).await.unwrap();
        assert!(length > 0, "the request broke off");
        seen.extend_from_slice(&some[..length]);
    }
}

async fn ask(client: &RelayClient, body: Bytes) -> Result<(StatusCode, Bytes), RelayFailure> {
    let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), body);
    let (head, body) = answer.await?.into_parts();
    Ok((head.status, body.collect().await.unwrap().to_bytes()))
}

/// Lets what was sent arrive, and be noticed.
async fn moment() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn b_9_6_a_failure_tells_what_happened_and_nothing_of_the_token() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}/api/mcp").parse().unwrap();
    let token = TokenSource::fixed(Some("the-token"));
    let client = RelayClient::new(endpoint, token, Duration::from_secs(5)).unwrap();
    let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), Bytes::new());
    let failure = answer.await.unwrap_err();
    assert_eq!((failure.sent, failure.reason.as_str()), (Sent::No, "connection refused"));
}

#[tokio::test]
async fn an_answer_that_comes_in_pieces_is_read_by_whoever_wants_it_and_its_connection_serves_again() {
    let (relay, client) = Relay::listen().await;
    let played = tokio::spawn(async move {
        let mut connection = relay.accept().await;
        for _ in 0..2 {
            read_head(&mut connection).await;
            for piece in [
                "HTTP/1.1 200 OK\r\ntransfer-",
                "encoding: chunked\r\n\r\n3\r\non",
                "e\r\n4\r\n two\r\n",
                "0\r\n",
                "\r\n",
            ] {
                connection.write_all(piece.as_bytes()).await.unwrap();
                moment().await;
            }
        }
    });
    for _ in 0..2 {
        assert_eq!(ask(&client, Bytes::from_static(b"{}")).await.unwrap().1, "one two");
    }
    played.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_closed_while_nobody_used_it_is_passed_over() {
    let (relay, client) = Relay::listen().await;
    let played = tokio::spawn(async move {
        for _ in 0..3 {
            let mut connection = relay.accept().await;
            read_head(&mut connection).await;
            connection.write_all(ANSWER).await.unwrap();
        }
    });
    for _ in 0..3 {
        assert_eq!(ask(&client, Bytes::from_static(b"{}")).await.unwrap().1, "ok");
        moment().await;
    }
    played.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_still_sends_the_request_before_takes_no_other() {
    let (relay, client) = Relay::listen().await;
    let played = tokio::spawn(async move {
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut connection = relay.accept().await;
            read_head(&mut connection).await;
            connection.write_all(ANSWER).await.unwrap();
            kept.push(connection);
        }
        kept
    });
    // More than the buffers between them hold, and this relay reads no more than the head.
    assert_eq!(ask(&client, vec![b' '; 32 << 20].into()).await.unwrap().1, "ok");
    assert_eq!(ask(&client, Bytes::from_static(b"{}")).await.unwrap().1, "ok");
    assert_eq!(played.await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_on_closes_its_connection() {
    let (relay, client) = Relay::listen().await;
    let played = tokio::spawn(async move {
        let mut connection = relay.accept().await;
        read_head(&mut connection).await;
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok").await.unwrap();
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).await.unwrap();
    });
    let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), Bytes::from_static(b"{}"));
    drop(answer.await.unwrap());
    tokio::time::timeout(Duration::from_secs(5), played).await.unwrap().unwrap();
}
