//! Whether the benchmark itself can be trusted: the same measured twice is the same, another load generator sees the same,
//! and so do the kernel's two ways to count CPU time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Bench;
use crate::load::{Load, Prepared, Until};
use crate::mcp::{ID, Scenario};
use crate::process::Used;
use crate::relay::Relay;
use crate::stats::median;
use crate::target::Target;

/// Something that should be 1.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) ratio: f64,
}

const CONNECTIONS: usize = 16;

/// Checks with calls of 400 bytes on 16 connections. The targets are proxies, the first is the relay itself.
///
/// # Errors
/// A request fails.
pub(crate) fn measure(bench: &Bench<'_>, relay: &Relay, targets: &[Target]) -> Result<Vec<Check>, String> {
    eprintln!("whether the benchmark can be trusted");
    relay.set_tools(Scenario::Small.tools());
    let time = Duration::from_secs_f64(bench.seconds);
    let mut checks = Vec::new();
    let wrk = find().filter(|_| !bench.without_wrk).map(|program| Wrk {
        program,
        home: bench.home.to_owned(),
        time,
    });
    for target in targets.iter().filter(|target| !target.is_foreign) {
        let session = target.endpoint.greet()?;
        let (mut twice, mut ticks, mut other, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            let one = ours(target, session.as_deref(), time)?;
            let two = ours(target, session.as_deref(), time)?;
            twice.push(two.per_second / one.per_second);
            ticks.extend(two.by_ticks.zip(two.cpu).map(|(ticks, cpu)| ticks / cpu));
            // The load has the core of the relay, so without a proxy it sets the pace: two generators differ there.
            if let (Some(wrk), Some(_)) = (&wrk, target.pid) {
                let wrk = wrk.run(target, session.as_deref())?;
                other.push(wrk.per_second / two.per_second);
                cpu.extend(wrk.cpu.zip(two.cpu).map(|(wrk, two)| wrk / two));
            }
        }
        let name = &target.name;
        let check = |what: String, ratios| median(ratios).map(|ratio| Check { what, ratio });
        checks.extend([
            check(format!("{name}: requests/s, the second time ÷ the first"), twice),
            check(format!("{name}: requests/s, wrk's load ÷ ours"), other),
            check(format!("{name}: CPU per request, wrk's load ÷ ours"), cpu),
            check(
                format!("{name}: CPU time, in ticks of the process ÷ in nanoseconds of its threads"),
                ticks,
            ),
        ]);
    }
    Ok(checks.into_iter().flatten().collect())
}

/// What a run came to.
struct Seen {
    per_second: f64,
    /// Seconds of CPU time for each request.
    cpu: Option<f64>,
    by_ticks: Option<f64>,
}

impl Seen {
    fn of(requests: u64, seconds: f64, used: Option<(Used, Used)>) -> Self {
        let each = |time: Duration| time.as_secs_f64() / requests.max(1) as f64;
        Self {
            per_second: requests as f64 / seconds,
            cpu: used.as_ref().map(|(before, after)| each(after.since(before))),
            by_ticks: used.as_ref().map(|(before, after)| each(after.ticks_since(before))),
        }
    }
}

fn ours(target: &Target, session: Option<&str>, time: Duration) -> Result<Seen, String> {
    let mut requests = [Prepared::new(&target.endpoint, session, &Scenario::Small.body(ID))];
    let mut load = Load::connect(&target.endpoint, CONNECTIONS)?;
    load.run(&mut requests, Until::Time(time / 10))?;
    let before = target.used()?;
    let outcome = load.run(&mut requests, Until::Time(time))?;
    let used = before.zip(target.used()?);
    match outcome.error {
        Some(error) => Err(format!("{}: {error}", target.name)),
        None => Ok(Seen::of(outcome.requests, outcome.elapsed.as_secs_f64(), used)),
    }
}

/// Another load generator, where it is installed.
struct Wrk {
    program: PathBuf,
    home: PathBuf,
    time: Duration,
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("wrk")).find(|program| program.is_file())
}

impl Wrk {
    /// It is started on the core of this thread, which is the load's.
    fn run(&self, target: &Target, session: Option<&str>) -> Result<Seen, String> {
        let endpoint = &target.endpoint;
        let before = target.used()?;
        let output = Command::new(&self.program)
            .args([
                "-t1",
                &format!("-c{CONNECTIONS}"),
                &format!("-d{}s", self.time.as_secs().max(1)),
                "--latency",
            ])
            .arg("-s")
            .arg(script(&self.home)?)
            .arg(format!("http://{}{}", endpoint.address, endpoint.path))
            .env("BENCH_SECRET", &endpoint.secret)
            .env("BENCH_SESSION", session.unwrap_or_default())
            .env("BENCH_BODY", Scenario::Small.body(ID))
            .env("BENCH_ID", ID)
            .output()
            .map_err(|error| format!("wrk cannot be started: {error}"))?;
        let used = before.zip(target.used()?);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figures: Vec<u64> =
            text.lines().last().unwrap_or("").split(' ').filter_map(|figure| figure.parse().ok()).collect();
        match figures.as_slice() {
            [requests, micros, _, _, 0] => Ok(Seen::of(*requests, *micros as f64 / 1e6, used)),
            _ => Err(format!("{}: wrk says: {text}{}", target.name, String::from_utf8_lossy(&output.stderr))),
        }
    }
}

fn script(home: &Path) -> Result<PathBuf, String> {
    let path = home.join("call.lua");
    fs::write(&path, include_str!("../../call.lua"))
        .map_err(|error| format!("no script for wrk: {error}"))?;
    Ok(path)
}
