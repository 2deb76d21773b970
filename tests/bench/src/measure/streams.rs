//! What event streams cost on which nothing happens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Bench;
use crate::machine;
use crate::process::{Memory, Used, kernel_memory};
use crate::relay::Relay;
use crate::target::sidecar::Build;
use crate::target::{Sidecar, wait_for};

/// The streams of one build.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    pub(crate) target: String,
    /// Whether the relay has streams too, so that there is one to it for each.
    pub(crate) with_relay: bool,
    pub(crate) streams: usize,
    /// Of the proxy, in KiB for each stream.
    pub(crate) rss: f64,
    /// Of the kernel, for all sockets at both ends, in KiB for each stream.
    pub(crate) kernel: f64,
    /// How much of a core the proxy uses meanwhile.
    pub(crate) cpu: f64,
}

/// Files that are not streams.
const OTHER_FILES: u64 = 500;

/// Streams of one session.
const PER_SESSION: usize = 500;

/// Measures every build, with a relay that has streams and with one that has not.
///
/// # Errors
/// A stream is refused.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Vec<Idle>, String> {
    // Two for each stream, in the proxy as here.
    let most = (machine::open_files(0).saturating_sub(OTHER_FILES) / 2) as usize;
    let streams = bench.size(10_000, 100).min(most);
    let relay = Relay::start(bench.cores.load)?;
    let mut idle = Vec::new();
    for with_relay in [true, false] {
        relay.offer_streams(with_relay);
        for build in bench.builds {
            eprintln!("{streams} idle streams: {}", build.name);
            let done = once(bench, build, &relay, streams, with_relay);
            idle.push(done.map_err(|why| format!("{}: {why}", build.name))?);
            let gone = || (relay.shared().streams.load(Relaxed) == 0).then_some(());
            wait_for("the relay's streams are closed", Duration::from_secs(60), gone)?;
        }
    }
    Ok(idle)
}

fn once(
    bench: &Bench<'_>,
    build: &Build,
    relay: &Relay,
    streams: usize,
    with_relay: bool,
) -> Result<Idle, String> {
    let arguments =
        [format!("--max-streams={streams}"), format!("--max-connections={}", streams + OTHER_FILES as usize)];
    let home = bench.new_home();
    let sidecar = Sidecar::start(build, relay.address(), bench.cores.proxy, &home, &arguments)?;
    let endpoint = &sidecar.endpoint;
    let sessions =
        (0..streams.div_ceil(PER_SESSION)).map(|_| endpoint.greet()).collect::<Result<Vec<_>, _>>()?;
    let (rss, kernel) = (Memory::of(sidecar.pid()).rss, kernel_memory());
    let mut open = Vec::with_capacity(streams);
    for at in 0..streams {
        let session = sessions[at % sessions.len()].as_deref();
        let mut stream = endpoint.connect()?;
        let head = endpoint.head("GET", session, None);
        stream.write_all(head.as_bytes()).map_err(|error| format!("stream {at}: {error}"))?;
        connected(&mut stream).map_err(|why| format!("stream {at}: {why}"))?;
        open.push(stream);
    }
    if with_relay {
        let all = || (relay.shared().streams.load(Relaxed) == streams).then_some(());
        wait_for("the relay has all streams", Duration::from_secs(60), all)?;
    }
    let per_stream = |now: u64, before: u64| now.saturating_sub(before) as f64 / streams as f64;
    let (rss, kernel) = (per_stream(Memory::of(sidecar.pid()).rss, rss), per_stream(kernel_memory(), kernel));
    let before = Used::by(sidecar.pid())?;
    // Longer than the time between two signs of life (B-7.1).
    let time = bench.size(Duration::from_secs(26), Duration::from_millis(100));
    std::thread::sleep(time);
    let cpu = Used::by(sidecar.pid())?.since(&before).as_secs_f64() / time.as_secs_f64();
    Ok(Idle { target: build.name.clone(), with_relay, streams, rss, kernel, cpu })
}

/// The first sign of life, which comes at once.
fn connected(stream: &mut TcpStream) -> Result<(), String> {
    let (mut seen, mut buffer) = (String::new(), [0; 1024]);
    while !seen.contains(": connected") {
        let count = stream.read(&mut buffer).map_err(|error| error.to_string())?;
        if count == 0 || seen.len() > 4096 {
            return Err(format!("it does not open: {seen}"));
        }
        seen += &String::from_utf8_lossy(&buffer[..count]);
    }
    Ok(())
}
