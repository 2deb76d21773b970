//! Five hundred open streams of both eras, a hundred of which nobody reads: the others hear of everything within
//! 50 ms, memory stays within its bound, and nothing is left of any of them when they go (B-7.4, B-9.8).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows its figures"
)]

mod latency;
mod listeners;

use std::time::{Duration, Instant};

use relay_mcp_tests::proxy::{Proxy, Usage};
use relay_mcp_tests::relay::{Mouth, Relay, Speaks};
use relay_mcp_tests::wait::{PATIENCE, until, until_async, until_true};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::latency::{Heard, Latencies, Stage, notification, round};
use self::listeners::{Quiet, Reader};

/// Streams that are read, and streams that are not; one in five is modern.
const READERS: usize = 400;
const QUIET: usize = 100;

/// How many of those that nobody reads are told so much that they are cut off; the others hang up.
const CUT: usize = 5;

/// How long a notification may take.
const SOON: Duration = Duration::from_millis(50);

/// The rhythm in which the relay tells one agent after the other.
const BEAT: Duration = Duration::from_millis(2);

/// How much may wait in the proxy for an agent that does not read, in bytes: the driver's bound of a stream.
const MOST_WAITING: usize = 1 << 20;

/// What else a stream may cost: its two connections with the buffers of the HTTP library, in bytes.
const EACH_STREAM: usize = 64 << 10;

/// A long notification, and a short one, in bytes.
const LONG: usize = 32 << 10;
const LITTLE: usize = 200;

/// Sessions that are kept when nobody uses them.
const MOST_SESSIONS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_reads_delay_nobody_and_leave_nothing() {
    allow_open_files();
    let relay = Relay::that().keeps_sessions().streams().speaks(Speaks::Both).start().await;
    let most = (READERS + QUIET).to_string();
    // As a login shell starts it: the usual limit of open files is no limit of streams.
    let proxy = Proxy::to(&relay).open_files(1024).flag("--max-streams", most).start().await;
    let before = at_rest(&proxy).await;

    let heard = Heard::default();
    let (mut readers, mut quiet) = (Vec::new(), Vec::new());
    for number in 0..READERS {
        readers.push(Reader::open(&proxy, number, &heard).await);
    }
    for number in 0..QUIET {
        quiet.push(Quiet::open(&proxy, number).await);
    }
    streams_are(&proxy, READERS + QUIET).await;
    let to_readers = mouths(&relay, readers.iter().map(Reader::name)).await;
    let stage = Stage { proxy: &proxy, readers: to_readers, heard };
    let to_quiet = mouths(&relay, quiet.iter().map(Quiet::name)).await;
    let open = proxy.usage().await;

    let start = Instant::now();
    let full = fill(&proxy, &to_quiet, open).await;
    println!("{QUIET} streams that nobody reads are full after {:?}", start.elapsed());
    let beside_full = beside_full(&stage, &to_quiet).await;
    let fullest = proxy.usage().await;
    streams_are(&proxy, READERS + QUIET).await;
    let beside_cut = beside_cut(&stage, &to_quiet[..CUT]).await;
    let at_once = at_once(&stage, &to_quiet[CUT..]).await;
    streams_are(&proxy, READERS + QUIET - CUT).await;

    let bound = before.resident + QUIET * MOST_WAITING + (READERS + QUIET) * EACH_STREAM;
    println!(
        "before {before:?}\nopen   {open:?}\nfull   {full:?}\nfuller {fullest:?}\nbound of resident: {bound}"
    );
    // The system may hold up this process or the proxy for a while, which no proxy can help; what the proxy does
    // to its readers it does in each round, so the best one tells.
    assert!(best(&beside_full) < SOON, "beside streams that are full");
    assert!(best(&beside_cut) < SOON, "beside streams that are cut off");
    // All at once is a matter of how much a notification costs, and so of an optimised build.
    assert!(cfg!(debug_assertions) || best(&at_once) < SOON, "told all at once");
    assert!(fullest.resident <= bound, "memory is bounded (B-9.8)");

    drop((readers, quiet));
    streams_are(&proxy, 0).await;
    sessions_do_not_pile_up(&proxy, &relay).await;
    nothing_is_left(&proxy, &relay, before).await;
}

/// As many as the system gives: each stream is two connections, with this process at one end of each.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let is_enough = limit.maximum.is_none_or(|most| most >= 4096);
    assert!(is_enough, "this test needs 4096 open files: type `ulimit -Hn 4096`");
}

/// What the proxy uses before anybody came, less what looking at it takes.
async fn at_rest(proxy: &Proxy) -> Usage {
    let mut least = proxy.usage().await;
    for _ in 0..10 {
        let now = proxy.usage().await;
        (least.files, least.tasks) = (least.files.min(now.files), least.tasks.min(now.tasks));
    }
    least
}

async fn streams_are(proxy: &Proxy, count: usize) {
    let are = async || (proxy.status().await["streams"] == count).then_some(());
    until_async(&format!("{count} streams are open"), are).await;
}

/// The relay's ends of these streams.
async fn mouths(relay: &Relay, names: impl Iterator<Item = String>) -> Vec<Mouth> {
    let mut mouths = Vec::new();
    for name in names {
        mouths.push(until("the relay's stream is open", || relay.mouth(&name)).await);
    }
    mouths
}

/// Tells those who do not read more than their connections hold, so that a part of it waits in the proxy.
async fn fill(proxy: &Proxy, quiet: &[Mouth], empty: Usage) -> Usage {
    let start = Instant::now();
    loop {
        for mouth in quiet.iter().cycle().take(4 * quiet.len()) {
            assert!(mouth.say(notification(LONG)).await, "nobody is cut off before his time");
        }
        proxy.rests().await;
        let now = proxy.usage().await;
        if now.resident > empty.resident + quiet.len() * MOST_WAITING / 4 {
            return now;
        }
        assert!(start.elapsed() < 3 * PATIENCE, "what nobody reads waits in the proxy");
    }
}

/// Everybody is told something in turn, those who do not read too.
async fn beside_full(stage: &Stage<'_>, quiet: &[Mouth]) -> Vec<Latencies> {
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let quiet: Vec<&Mouth> = quiet.iter().collect();
        rounds.push(round(stage, Some(BEAT), &quiet, LONG / 8).await);
        rounds.last().unwrap().print("beside full streams");
    }
    rounds
}

/// Everybody who reads is told something in turn, while the others are told so much that they are cut off.
async fn beside_cut(stage: &Stage<'_>, doomed: &[Mouth]) -> Vec<Latencies> {
    let start = Instant::now();
    let mut rounds = Vec::new();
    while doomed.iter().any(|mouth| !mouth.is_gone()) {
        assert!(start.elapsed() < 3 * PATIENCE, "who lets too much pile up is cut off");
        let left = doomed.iter().filter(|mouth| !mouth.is_gone()).cycle();
        let left: Vec<&Mouth> = left.take(stage.readers.len() / 8).collect();
        rounds.push(round(stage, Some(BEAT), &left, LONG).await);
        rounds.last().unwrap().print("beside streams that are cut off");
    }
    rounds
}

/// Everybody is told something at the same moment.
async fn at_once(stage: &Stage<'_>, quiet: &[Mouth]) -> Vec<Latencies> {
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let quiet: Vec<&Mouth> = quiet.iter().collect();
        rounds.push(round(stage, None, &quiet, LITTLE).await);
        rounds.last().unwrap().print("all at once");
    }
    rounds
}

/// The longest that anybody waited in the best of these rounds.
fn best(rounds: &[Latencies]) -> Duration {
    rounds.iter().map(Latencies::most).min().unwrap()
}

/// No stream, no file and no task more than before.
async fn nothing_is_left(proxy: &Proxy, relay: &Relay, before: Usage) {
    streams_are(proxy, 0).await;
    until_true("the relay's streams are closed", || relay.open_streams() == 0).await;
    until_true("the proxy lets go of the relay", || relay.connections() == 0).await;
    let is_left = async || {
        let now = proxy.usage().await;
        (now.files <= before.files && now.tasks <= before.tasks).then_some(now)
    };
    println!("after  {:?}", until_async("no file and no task is left", is_left).await);
}

/// Nobody listens in them any more, so the next one sends the oldest away, at the relay too.
async fn sessions_do_not_pile_up(proxy: &Proxy, relay: &Relay) {
    proxy.agent().greet().await;
    assert_eq!(proxy.status().await["sessions"], MOST_SESSIONS);
    until_true("the relay was told", || relay.sessions().len() == MOST_SESSIONS).await;
}
