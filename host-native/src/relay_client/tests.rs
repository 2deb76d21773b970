//! Requests over connections that a relay closes, holds back or answers early on.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::http2::Http2;
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

/// A connection of HTTP/2 on which this relay answers as `answer` says, from the body of a request.
async fn http2<A>(relay: &Relay, client: &RelayClient, most_streams: u32, answer: A)
where
    A: Fn(Request<h2::RecvStream>, h2::server::SendResponse<Bytes>) + Send + 'static,
{
    let stream = TcpStream::connect(relay.0.local_addr().unwrap()).await.unwrap();
    let served = relay.accept().await;
    tokio::spawn(async move {
        let mut server = h2::server::Builder::new();
        let mut served = server.max_concurrent_streams(most_streams).handshake(served).await.unwrap();
        while let Some(Ok((request, respond))) = served.accept().await {
            answer(request, respond);
        }
    });
    let connection = async { Http2::over(TokioIo::new(stream)).await.map(Connection::Http2) };
    client.0.pool.open(connection).await.unwrap();
}

/// Sends the head of an answer, and a little of its body.
fn begin(respond: &mut h2::server::SendResponse<Bytes>, is_all: bool) -> h2::SendStream<Bytes> {
    let mut body = respond.send_response(Response::new(()), false).unwrap();
    body.send_data(Bytes::from_static(b"ok"), is_all).unwrap();
    body
}

/// More would wait unsent, behind streams perhaps, which do not end.
#[tokio::test]
async fn a_connection_of_http2_carries_as_many_requests_as_the_relay_takes_and_others_need_another() {
    for (allowed, carried) in [(10, 10..=10), (1_000, 32..=100)] {
        let (relay, client) = Relay::listen().await;
        http2(&relay, &client, allowed, |_, mut respond| drop(begin(&mut respond, true))).await;
        let pool = &client.0.pool;
        let taken = || std::iter::from_fn(|| pool.take()).take(1_000).collect::<Vec<_>>();
        assert!((8..=16).contains(&taken().len()), "as long as nobody knows");
        assert_eq!(ask(&client, Bytes::new()).await.unwrap().1, "ok");
        moment().await;
        for _ in 0..2 {
            let mut taken = taken();
            assert!(carried.contains(&taken.len()), "{} of {allowed}", taken.len());
            for done in taken.split_off(1) {
                pool.take_back(done);
            }
            assert!(pool.take().is_some(), "there is room again");
        }
    }
}

/// Answers one request on a connection of its own.
async fn answer_anew(relay: &Relay) {
    let mut connection = relay.accept().await;
    read_head(&mut connection).await;
    connection.write_all(ANSWER).await.unwrap();
}

#[tokio::test]
async fn what_the_relay_refuses_over_http2_is_sent_again_elsewhere_and_what_it_broke_off_is_not() {
    for (reason, is_undone) in [(h2::Reason::REFUSED_STREAM, true), (h2::Reason::INTERNAL_ERROR, false)] {
        let (relay, client) = Relay::listen().await;
        http2(&relay, &client, 100, move |_, mut respond| respond.send_reset(reason)).await;
        if is_undone {
            let (asked, ()) = tokio::join!(ask(&client, Bytes::from_static(b"{}")), answer_anew(&relay));
            assert_eq!(asked.unwrap().1, "ok");
        } else {
            assert_eq!(ask(&client, Bytes::from_static(b"{}")).await.unwrap_err().sent, Sent::Unknown);
        }
    }
}

/// A connection of HTTP/2, whose frames the test writes.
async fn http2_by_hand(relay: &Relay, client: &RelayClient) -> TcpStream {
    let stream = TcpStream::connect(relay.0.local_addr().unwrap()).await.unwrap();
    let served = relay.accept().await;
    let connection = async { Http2::over(TokioIo::new(stream)).await.map(Connection::Http2) };
    client.0.pool.open(connection).await.unwrap();
    served
}

/// Says that it speaks HTTP/2, and reads what comes.
async fn take_request(served: &mut TcpStream) {
    served.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    moment().await;
    assert!(served.read(&mut [0; 4096]).await.unwrap() > 24 + 9);
}

/// RFC 9113, 5.4.1: then it is we who go away, and nobody knows what it did before.
#[tokio::test]
async fn what_was_sent_to_a_relay_that_breaks_the_rules_of_http2_is_not_sent_again() {
    let (relay, client) = Relay::listen().await;
    let mut connection = http2_by_hand(&relay, &client).await;
    let breaks_a_rule = async {
        take_request(&mut connection).await;
        // Data of no stream.
        connection.write_all(&[0; 9]).await.unwrap();
        moment().await;
    };
    let (asked, ()) = tokio::join!(ask(&client, Bytes::from_static(b"{}")), breaks_a_rule);
    assert_eq!(asked.unwrap_err().sent, Sent::Unknown);
}

/// RFC 9113, 6.8: it says which request was the last that it did something of; ours is 1.
#[tokio::test]
async fn what_came_after_the_relay_went_away_is_sent_again_elsewhere_and_what_came_before_is_not() {
    for last in [0, 1] {
        let (relay, client) = Relay::listen().await;
        let mut connection = http2_by_hand(&relay, &client).await;
        let goes_away = async {
            take_request(&mut connection).await;
            connection.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, 0]).await.unwrap();
            moment().await;
            drop(connection);
            if last == 0 {
                answer_anew(&relay).await;
            }
        };
        let (asked, ()) = tokio::join!(ask(&client, Bytes::from_static(b"{}")), goes_away);
        match asked {
            Ok((_, answer)) => assert!(last == 0 && answer == "ok"),
            Err(failure) => assert_eq!((last, failure.sent), (1, Sent::Unknown)),
        }
    }
}

#[tokio::test]
async fn an_answer_over_http2_that_is_broken_off_in_peace_is_broken_off() {
    let (relay, client) = Relay::listen().await;
    http2(&relay, &client, 100, |_, mut respond| {
        let mut body = begin(&mut respond, false);
        tokio::spawn(async move {
            moment().await;
            body.send_reset(h2::Reason::NO_ERROR);
        });
    })
    .await;
    let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), Bytes::from_static(b"{}"));
    assert!(answer.await.unwrap().into_body().collect().await.is_err());
}

/// B-7.4: as much of it waits as fits, and the rest at the relay.
#[tokio::test]
async fn answers_over_http2_that_nobody_reads_keep_no_other_waiting() {
    const UNREAD: usize = 50;
    let (relay, client) = Relay::listen().await;
    http2(&relay, &client, 100, |request, mut respond| {
        if request.method() == Method::POST {
            return drop(begin(&mut respond, true));
        }
        let mut body = begin(&mut respond, false);
        body.send_data(vec![b'x'; 4 << 20].into(), true).unwrap();
    })
    .await;
    let mut unread = Vec::new();
    for _ in 0..UNREAD {
        let (_, answer) = client.send(Method::GET, None, HeaderMap::new(), Bytes::new());
        unread.push(answer.await.unwrap());
    }
    moment().await;
    let answer = timeout(Duration::from_secs(5), ask(&client, Bytes::from_static(b"{}")));
    assert_eq!(answer.await.expect("it is kept waiting").unwrap().1, "ok");
    let read = unread.pop().unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(read.len(), 2 + (4 << 20));
}

/// Its path may have died in silence, which is found out much later.
#[tokio::test]
async fn after_waiting_in_vain_over_http2_the_next_request_goes_another_way() {
    let (relay, client) = Relay::listen().await;
    http2(&relay, &client, 100, |request, mut respond| {
        if request.method() == Method::GET {
            drop(begin(&mut respond, true));
        } else {
            tokio::spawn(async move { poll_fn(|context| respond.poll_reset(context)).await });
        }
    })
    .await;
    let other = client.send(Method::GET, None, HeaderMap::new(), Bytes::new()).1.await.unwrap();
    let (_, answer) = client.send(Method::POST, None, HeaderMap::new(), Bytes::from_static(b"{}"));
    assert!(timeout(Duration::from_millis(50), answer).await.is_err());
    assert!(client.0.pool.take().is_none());
    assert_eq!(other.into_body().collect().await.unwrap().to_bytes(), "ok", "what is under way goes on");
}

#[tokio::test]
async fn requests_that_find_no_connection_of_http2_wait_for_the_same() {
    let (relay, client) = Relay::listen().await;
    http2(&relay, &client, 100, |_, _| ()).await;
    let pool = &client.0.pool;
    let mut unanswered = pool.take().unwrap();
    let mut sent = unanswered.send(Request::new(Full::default()), &client.0.endpoint);
    assert!(unanswered.poll_sent(&mut sent, &mut Context::from_waker(Waker::noop())).is_pending());
    drop((sent, unanswered));
    assert!(pool.take().is_none(), "that one is in doubt");
    let address = relay.0.local_addr().unwrap();
    let open = || {
        pool.open(async {
            let stream = TcpStream::connect(address).await.unwrap();
            Http2::over(TokioIo::new(stream)).await.map(Connection::Http2)
        })
    };
    let (first, second, third) = tokio::join!(open(), open(), open());
    assert!([&first, &second, &third].iter().all(|opened| opened.is_ok()));
    relay.accept().await;
    assert!(timeout(Duration::from_millis(50), relay.accept()).await.is_err(), "one is enough");
}
