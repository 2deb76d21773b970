//! Requests over connections that a relay closes, holds back or answers early on.

mod of_http2;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::StatusCode;
use http_body::Body;
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

/// Reads the head of a request, and no more than comes with it: so many bytes of its body.
async fn read_head(connection: &mut TcpStream) -> usize {
    let (mut seen, mut some) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            return seen.len() - end - 4;
        }
        let length = connection.read(&mut some).await.unwrap();
        assert!(length > 0, "the request broke off");
        seen.extend_from_slice(&some[..length]);
    }
}

async fn ask(client: &RelayClient, body: Bytes) -> Result<(StatusCode, Bytes), RelayFailure> {
    let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), body);
    let whole = async {
        let (head, body) = answer.await?.into_parts();
        Ok((head.status, body.collect().await.unwrap().to_bytes()))
    };
    timeout(Duration::from_secs(10), whole).await.expect("an answer comes, or a failure")
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
async fn connections_that_were_closed_while_nobody_used_them_are_passed_over() {
    const MANY: usize = 8;
    let (relay, client) = Relay::listen().await;
    let played = tokio::spawn(async move {
        let mut kept = Vec::new();
        for _ in 0..MANY {
            kept.push(relay.accept().await);
        }
        for connection in &mut kept {
            read_head(connection).await;
            connection.write_all(ANSWER).await.unwrap();
        }
        drop(kept);
        let mut connection = relay.accept().await;
        read_head(&mut connection).await;
        connection.write_all(ANSWER).await.unwrap();
    });
    let asked: Vec<_> = (0..MANY)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { ask(&client, Bytes::from_static(b"{}")).await })
        })
        .collect();
    for answered in asked {
        assert_eq!(answered.await.unwrap().unwrap().1, "ok");
    }
    moment().await;
    assert_eq!(ask(&client, Bytes::from_static(b"{}")).await.unwrap().1, "ok");
    played.await.unwrap();
}

#[tokio::test]
async fn a_relay_that_answers_early_gets_the_rest_of_the_request_and_its_connection_serves_again() {
    // More than the buffers between them hold.
    const LONG: usize = 32 << 20;
    let (relay, client) = Relay::listen().await;
    let played = tokio::spawn(async move {
        let mut connection = relay.accept().await;
        let mut read = read_head(&mut connection).await;
        connection.write_all(ANSWER).await.unwrap();
        moment().await;
        let mut some = vec![0; 1 << 20];
        while read < LONG {
            let length = connection.read(&mut some).await.unwrap();
            assert!(length > 0, "the request ends after {read} bytes");
            read += length;
        }
        read_head(&mut connection).await;
        connection.write_all(ANSWER).await.unwrap();
    });
    assert_eq!(ask(&client, vec![b' '; LONG].into()).await.unwrap().1, "ok");
    let pool = &client.0.pool;
    let connection = async {
        loop {
            match pool.take() {
                Some(connection) => break connection,
                None => moment().await,
            }
        }
    };
    pool.take_back(timeout(Duration::from_secs(30), connection).await.unwrap());
    assert_eq!(ask(&client, Bytes::from_static(b"{}")).await.unwrap().1, "ok");
    timeout(Duration::from_secs(5), played).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_that_is_all_here_is_read_with_pauses_for_others() {
    const PIECES: usize = 50;
    let (relay, client) = Relay::listen().await;
    let played = tokio::spawn(async move {
        let mut connection = relay.accept().await;
        read_head(&mut connection).await;
        let body = format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(PIECES));
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}");
        connection.write_all(answer.as_bytes()).await.unwrap();
        connection
    });
    let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), Bytes::from_static(b"{}"));
    let mut body = answer.await.unwrap().into_body();
    let _connection = played.await.unwrap();
    let (mut pieces, mut turns, mut longest) = (0, 0, 0);
    poll_fn(|context| {
        turns += 1;
        for row in 0.. {
            longest = row.max(longest);
            match Pin::new(&mut body).poll_frame(context) {
                Poll::Ready(Some(frame)) => pieces += usize::from(frame.is_ok()),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        unreachable!()
    })
    .await;
    assert_eq!(pieces, PIECES);
    assert!((4..=10).contains(&longest), "{longest} pieces in a turn");
    assert!(turns >= PIECES / longest, "{turns} turns");
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
    timeout(Duration::from_secs(5), played).await.unwrap().unwrap();
}
