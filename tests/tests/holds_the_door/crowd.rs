//! Ten thousand connections at once (B-1.7): half of them are let in and served, the others told to come again, at
//! once; memory stays below what `host-native/README.md` says; and when they are gone, all is as before.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use relay_mcp_tests::agent::Line;
use relay_mcp_tests::agent::raw::status_of;
use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Relay;
use relay_mcp_tests::wait::{PATIENCE, until_async};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpSocket, TcpStream};

use crate::wire::ASK;

const ALL: usize = 10_000;
const LET_IN: usize = 5_000;
const HEADER_BYTES: usize = 8 << 10;

/// As many from each address of this machine, so that ports last, also for who comes again soon.
const FROM_ONE_ADDRESS: usize = 1_000;

/// What the process has open beside them.
const BESIDE: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_thousand_connections_half_are_served_and_half_told_to_come_again() {
    allow_files(ALL as u64 + BESIDE);
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay)
        .flag("--max-connections", LET_IN.to_string())
        .flag("--max-header-bytes", HEADER_BYTES.to_string())
        .flag("--head-timeout", "60s")
        .start()
        .await;
    let mut agent = Line::default();
    let ask = || proxy.agent().post(ASK);
    assert_eq!(agent.send(ask()).await.unwrap().status, 200);
    let (before, peak) = (proxy.usage().await, proxy.peak());

    let start = Instant::now();
    let all = connect(proxy.agent().address().parse().unwrap()).await;
    let connected = start.elapsed();
    let (let_in, refused) = sort(all).await;
    println!("{ALL} came in {connected:?}, and {} were refused after {:?}", refused.len(), start.elapsed());
    for said in &refused {
        assert_eq!(status_of(said), Some(503), "{said:?}");
        assert!(said.contains("retry-after: 1\r\n") && said.contains("--max-connections"), "{said}");
    }
    // The agent has one of the places.
    assert_eq!((let_in.len(), refused.len()), (LET_IN - 1, ALL - LET_IN + 1));

    // They all begin to say something, which takes the room that they are given, and do not end it.
    let head = format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-long: {}", "x".repeat(HEADER_BYTES - 200));
    for connection in &let_in {
        write(connection, head.as_bytes()).await;
    }
    for _ in 0..20 {
        let start = Instant::now();
        assert_eq!(agent.send(ask()).await.unwrap().status, 200, "who was let in is served");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    let held = proxy.usage().await.files;
    assert!(held >= LET_IN, "{held} are held");
    let (grown, bound) = (proxy.peak() - peak, LET_IN * (16 * 1024 + 2 * HEADER_BYTES));
    println!("{LET_IN} connections took {} KiB, of {} that they may", grown >> 10, bound >> 10);
    assert!(grown <= bound, "{grown} of {bound}");

    drop(let_in);
    let gone = async || (proxy.usage().await.files <= before.files + 2).then_some(());
    until_async("they are gone", gone).await;
    assert_eq!(ask().send().await.status, 200, "whoever comes now is let in");
    let metrics = proxy.control().metrics().await;
    assert!(
        metrics.contains(&format!("door_refusals_total{{status=\"503\"}} {}\n", refused.len())),
        "{metrics}"
    );
}

/// So many files for this process, which holds the other ends; the proxy takes what the system lets it have.
fn allow_files(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        most >= count,
        "this test holds {ALL} connections, and here a process may have no more than {most} files open: run it where \
         `ulimit -Hn` says {count} or more"
    );
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

async fn connect(to: SocketAddr) -> Vec<TcpStream> {
    let from_one_address = |block: usize| async move {
        let mut connections = Vec::with_capacity(FROM_ONE_ADDRESS);
        for _ in 0..FROM_ONE_ADDRESS {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(format!("127.0.1.{}:0", block + 1).parse().unwrap()).unwrap();
            connections.push(socket.connect(to).await.expect("a connection"));
        }
        connections
    };
    let blocks: Vec<_> =
        (0..ALL / FROM_ONE_ADDRESS).map(|block| tokio::spawn(from_one_address(block))).collect();
    let mut all = Vec::with_capacity(ALL);
    for block in blocks {
        all.extend(block.await.unwrap());
    }
    all
}

/// Who is still let in when nobody is refused any more, and what the others were told.
async fn sort(mut open: Vec<TcpStream>) -> (Vec<TcpStream>, Vec<String>) {
    let (start, mut refused) = (Instant::now(), Vec::new());
    while open.len() >= LET_IN {
        assert!(start.elapsed() < PATIENCE, "{} were refused", refused.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut quiet = Vec::with_capacity(open.len());
        for connection in open {
            match heard(&connection) {
                Some(said) => refused.push(said),
                None => quiet.push(connection),
            }
        }
        open = quiet;
    }
    (open, refused)
}

/// What came on a connection, if anything did.
fn heard(connection: &TcpStream) -> Option<String> {
    let mut bytes = [0; 4096];
    match connection.try_read(&mut bytes) {
        Ok(length) => Some(String::from_utf8_lossy(&bytes[..length]).into_owned()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => Some(error.to_string()),
    }
}

async fn write(connection: &TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        connection.writable().await.unwrap();
        match connection.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
}
