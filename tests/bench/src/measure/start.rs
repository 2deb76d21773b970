//! How long a start takes: until the sidecar says that it is ready, and until the first answer through it.

use std::time::{Duration, Instant};

use super::Bench;
use crate::mcp::Scenario;
use crate::process::Memory;
use crate::relay::Relay;
use crate::target::Sidecar;
use crate::target::sidecar::Build;

/// The starts of one build, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub(crate) target: String,
    /// The very first: a new data directory, and for a component no compiled code.
    pub(crate) first: f64,
    /// What it takes then, in KiB.
    pub(crate) first_rss: u64,
    pub(crate) ready: Vec<f64>,
    /// Until a call is answered, in a session that was opened for it.
    pub(crate) answered: Vec<f64>,
}

/// Measures every build, one after the other in every round.
///
/// # Errors
/// One does not start, or does not answer.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Vec<Started>, String> {
    let starts = bench.size(20, 2);
    eprintln!("{starts} starts");
    let relay = Relay::start(bench.cores.load)?;
    let mut all = Vec::new();
    for build in bench.builds {
        let home = bench.new_home();
        let fresh = Build { cache: home.join("cache"), ..build.clone() };
        let sidecar = Sidecar::start(&fresh, relay.address(), bench.cores.proxy, &home, &[])?;
        let (first, first_rss) = (milliseconds(sidecar.ready_after), Memory::of(sidecar.pid()).rss);
        let target = build.name.clone();
        all.push((home, Started { target, first, first_rss, ready: Vec::new(), answered: Vec::new() }));
    }
    for _ in 0..starts {
        for (build, (home, started)) in bench.builds.iter().zip(&mut all) {
            let (ready, answered) = once(bench, build, &relay, home)?;
            started.ready.push(ready);
            started.answered.push(answered);
        }
    }
    Ok(all.into_iter().map(|(_, started)| started).collect())
}

fn once(
    bench: &Bench<'_>,
    build: &Build,
    relay: &Relay,
    home: &std::path::Path,
) -> Result<(f64, f64), String> {
    let begun = Instant::now();
    let sidecar = Sidecar::start(build, relay.address(), bench.cores.proxy, home, &[])?;
    let session = sidecar.endpoint.greet()?;
    let answer = sidecar.endpoint.ask(session.as_deref(), &Scenario::Small.body("42"))?;
    let answered = begun.elapsed();
    Scenario::Small.check("42", &answer)?;
    Ok((milliseconds(sidecar.ready_after), milliseconds(answered)))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
