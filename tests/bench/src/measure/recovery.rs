//! How soon a relay that is back is noticed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::Bench;
use crate::client::Endpoint;
use crate::mcp::{self, Scenario};
use crate::relay::Relay;
use crate::target::Sidecar;
use crate::target::sidecar::Build;

/// How long the relay was away, and who asked meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    /// A restart: one call is made in it, and waits.
    Short,
    /// An agent asks again and again.
    LongAndBusy,
    /// A write is queued, and nobody asks.
    LongAndQuiet,
}

impl Outage {
    pub(crate) const ALL: [Self; 3] = [Self::Short, Self::LongAndBusy, Self::LongAndQuiet];

    fn lasts(self, quick: bool) -> Duration {
        match self {
            Self::Short => Duration::from_millis(300),
            Self::LongAndBusy | Self::LongAndQuiet if quick => Duration::from_secs(1),
            Self::LongAndBusy | Self::LongAndQuiet => Duration::from_secs(4),
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Short => "away for 0.3 s: a call made meanwhile is answered by the relay",
            Self::LongAndBusy => "long away: first call answered, an agent asks every 10 ms",
            Self::LongAndQuiet => "long away: a queued write arrives, nobody asks",
        }
    }
}

/// One build: milliseconds from the moment at which the relay listens again.
#[derive(Clone, Debug)]
pub(crate) struct Recovered {
    pub(crate) target: String,
    pub(crate) outage: Outage,
    pub(crate) after: Vec<f64>,
}

/// Measures every build.
///
/// # Errors
/// It does not come back.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Vec<Recovered>, String> {
    let mut recovered = Vec::new();
    for build in bench.builds {
        eprintln!("recovery: {}", build.name);
        for outage in Outage::ALL {
            let done = times(bench, build, outage).map_err(|why| format!("{}: {why}", build.name))?;
            recovered.push(Recovered { target: build.name.clone(), outage, after: done });
        }
    }
    Ok(recovered)
}

fn times(bench: &Bench<'_>, build: &Build, outage: Outage) -> Result<Vec<f64>, String> {
    let mut relay = Relay::start(bench.cores.load)?;
    let home = bench.new_home();
    let sidecar = Sidecar::start(build, relay.address(), bench.cores.proxy, &home, &[])?;
    let session = sidecar.endpoint.greet()?;
    let agent = Agent { endpoint: &sidecar.endpoint, session: session.as_deref() };
    agent.call()?;
    let outages = bench.size(10, 1);
    (0..outages).map(|at| once(&agent, &mut relay, outage, at, bench.quick)).collect()
}

/// Milliseconds from the moment at which the relay listens again.
fn once(agent: &Agent<'_>, relay: &mut Relay, outage: Outage, at: u64, quick: bool) -> Result<f64, String> {
    let patience = Duration::from_secs(60);
    relay.go_away();
    let lasts = outage.lasts(quick);
    let begun = match outage {
        Outage::Short | Outage::LongAndBusy => {
            let is_back = AtomicBool::new(false);
            let (begun, answered) = thread::scope(|scope| {
                let asking = scope.spawn(|| agent.call_until_answered(&is_back, outage, patience));
                thread::sleep(lasts);
                let begun = relay.come_back().map(|()| Instant::now());
                is_back.store(true, Ordering::Relaxed);
                (begun, asking.join().unwrap_or_else(|_| Err("the agent panicked".into())))
            });
            return Ok(answered?.saturating_duration_since(begun?).as_secs_f64() * 1e3);
        }
        Outage::LongAndQuiet => {
            relay.forget_writes();
            agent.write(mcp::first_id(0) + at)?;
            thread::sleep(lasts);
            relay.come_back()?;
            Instant::now()
        }
    };
    relay.await_writes(1, patience)?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

struct Agent<'a> {
    endpoint: &'a Endpoint,
    session: Option<&'a str>,
}

impl Agent<'_> {
    fn call(&self) -> Result<(), String> {
        let answer = self.endpoint.ask(self.session, &Scenario::Small.body("42"))?;
        Scenario::Small.check("42", &answer)
    }

    /// When the relay's answer came: to the first call, or in a long outage to one of many.
    fn call_until_answered(
        &self,
        is_back: &AtomicBool,
        outage: Outage,
        patience: Duration,
    ) -> Result<Instant, String> {
        let deadline = Instant::now() + patience;
        loop {
            match self.call() {
                Ok(()) => return Ok(Instant::now()),
                Err(why) if outage == Outage::Short => {
                    let when = if is_back.load(Ordering::Relaxed) { "after" } else { "in" };
                    return Err(format!("{when} a short outage a call is answered with an error: {why}"));
                }
                Err(why) if Instant::now() > deadline => return Err(why),
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn write(&self, number: u64) -> Result<(), String> {
        let answer = self.endpoint.ask(self.session, &mcp::write(&number.to_string()))?;
        match answer.text().contains(r#""queued":true"#) {
            true => Ok(()),
            false => Err(format!("a write is not queued: {}", answer.text())),
        }
    }
}
