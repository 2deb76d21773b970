//! How long a notification takes from the relay to the agents.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::Mouth;
use relay_mcp_tests::wait::until_true;
use tokio::time::MissedTickBehavior;

/// What the readers heard in this round: how long each notification took.
pub(crate) type Heard = Arc<Mutex<Vec<Duration>>>;

/// Before the moment at which a notification was said, in nanoseconds since [`epoch`].
const SAID: &str = "\"said\":";

/// Those who take part in a round.
pub(crate) struct Stage<'a> {
    pub(crate) proxy: &'a Proxy,
    pub(crate) readers: Vec<Mouth>,
    pub(crate) heard: Heard,
}

/// How long each notification of a round took to its reader, shortest first.
#[derive(Debug)]
pub(crate) struct Latencies {
    sorted: Vec<Duration>,
    /// How long the round took.
    took: Duration,
    /// How long the proxy and the test waited for a processor meanwhile.
    waited: Duration,
}

/// Tells every reader something, one each `beat`, or all at once where there is none; and in between, evenly, those
/// who do not read, so many bytes each.
pub(crate) async fn round(
    stage: &Stage<'_>,
    beat: Option<Duration>,
    quiet: &[&Mouth],
    length: usize,
) -> Latencies {
    let Stage { proxy, readers, heard } = stage;
    heard.lock().unwrap().clear();
    let (start, waited) = (Instant::now(), proxy.waited());
    let every = readers.len().div_ceil(quiet.len().max(1));
    let mut quiet = quiet.iter();
    let mut beats = beat.map(tokio::time::interval);
    if let Some(beats) = &mut beats {
        // A beat that came late is no reason to hurry: that would measure the test.
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    for (number, reader) in readers.iter().enumerate() {
        if let Some(beats) = &mut beats {
            beats.tick().await;
        }
        if number % every == 0
            && let Some(quiet) = quiet.next()
        {
            quiet.say(notification(length)).await;
        }
        assert!(reader.say(notification(super::LITTLE)).await, "the stream of a reader is open");
    }
    until_true("everybody who reads has heard it", || heard.lock().unwrap().len() == readers.len()).await;
    let mut sorted = heard.lock().unwrap().clone();
    sorted.sort();
    Latencies { sorted, took: start.elapsed(), waited: proxy.waited().saturating_sub(waited) }
}

impl Latencies {
    /// The longest. Where others had the processors for half of the time, what they took does not count.
    pub(crate) fn most(&self) -> Duration {
        let most = self.sorted[self.sorted.len() - 1];
        if 2 * self.waited > self.took { most.saturating_sub(self.waited) } else { most }
    }

    pub(crate) fn print(&self, what: &str) {
        let at = |part: usize| millis(self.sorted[(self.sorted.len() - 1) * part / 100]);
        let waited = millis(self.waited);
        println!(
            "{what}: p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms; {waited:.1} ms without a processor",
            at(50),
            at(99),
            at(100)
        );
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A notification with so much in it, and the moment at which it was said.
pub(crate) fn notification(length: usize) -> String {
    let data = "x".repeat(length);
    let said = epoch().elapsed().as_nanos();
    format!(
        "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",{SAID}{said},\"data\":\"{data}\"}}}}\n\n"
    )
}

/// When the clock of this test began.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// A stream as it is read.
#[derive(Default)]
pub(crate) struct Reading(Vec<u8>);

impl Reading {
    /// Takes what has come, and notes how long each notification in it took.
    pub(crate) fn take(&mut self, bytes: &[u8], heard: &Heard) {
        let now = epoch().elapsed();
        self.0.extend_from_slice(bytes);
        while let Some(end) = self.0.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = self.0.drain(..end + 2).collect();
            let event = String::from_utf8(event).unwrap();
            if let Some((_, rest)) = event.split_once(SAID) {
                let said = rest.split(',').next().unwrap().parse().unwrap();
                heard.lock().unwrap().push(now - Duration::from_nanos(said));
            }
        }
    }
}
