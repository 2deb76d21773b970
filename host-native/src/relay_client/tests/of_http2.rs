//! Requests that share a connection of HTTP/2.

use hyper_util::rt::TokioIo;

use super::super::http2::Http2;
use super::*;

/// A connection of HTTP/2, whose frames the test writes.
async fn http2_by_hand(relay: &Relay, client: &RelayClient) -> TcpStream {
    let stream = TcpStream::connect(relay.0.local_addr().unwrap()).await.unwrap();
    let served = relay.accept().await;
    let connection = async { Http2::over(TokioIo::new(stream)).await.map(Connection::Http2) };
    client.0.pool.open(connection).await.unwrap();
    served
}

/// A connection of HTTP/2 on which this relay answers as `answer` says, from the body of a request.
async fn http2<A>(relay: &Relay, client: &RelayClient, most_streams: u32, answer: A)
where
    A: Fn(Request<h2::RecvStream>, h2::server::SendResponse<Bytes>) + Send + 'static,
{
    let served = http2_by_hand(relay, client).await;
    tokio::spawn(async move {
        let mut server = h2::server::Builder::new();
        let mut served = server.max_concurrent_streams(most_streams).handshake(served).await.unwrap();
        while let Some(Ok((request, respond))) = served.accept().await {
            answer(request, respond);
        }
    });
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
