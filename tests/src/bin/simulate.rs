//! Runs the world of the tests from seeds, one after the other, until something does not hold.
//!
//! ```sh
//! cargo run --release -p relay-mcp-tests --bin simulate -- --runs 100000     # or --seconds 60
//! cargo run --release -p relay-mcp-tests --bin simulate -- --seed 4711       # one run, told event by event
//! cargo run -p relay-mcp-tests --bin simulate -- --seed 4711 --shrink        # its smallest plan that still fails
//! ```
//!
//! `--from SEED` begins elsewhere, `--jobs N` chooses the number of threads. A seed stands for one run, whatever the
//! machine: a violation ends all with its seed, what is wrong, how to see it again, and the end of its trace.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]

use std::cell::Cell;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::process::{Command, ExitCode, exit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use relay_mcp_tests::simulation::{Figures, run_seed, shrink};

const USAGE: &str =
    "simulate [--runs N | --seconds N] [--from SEED] [--jobs N]\nsimulate --seed SEED [--shrink]";

/// How much of the trace of a violation is shown.
const LINES: usize = 60;

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
}

struct Options {
    runs: u64,
    time: Duration,
    from: u64,
    jobs: usize,
    seed: Option<u64>,
    shrink: bool,
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match options.seed {
        Some(seed) if options.shrink => show_smallest(seed),
        Some(seed) => {
            let figures = run_seed(seed, Some(|line| println!("{line}")));
            println!("seed {seed}: no violation\n{}", told(&figures));
            ExitCode::SUCCESS
        }
        None => run_many(&options),
    }
}

fn run_many(options: &Options) -> ExitCode {
    set_hook(Box::new(report));
    let (next, is_over) = (AtomicU64::new(options.from), AtomicBool::new(false));
    let begun = Instant::now();
    let end = options.from.saturating_add(options.runs);
    let work = || {
        let mut figures = Figures::default();
        while begun.elapsed() < options.time && !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                break;
            }
            SEED.set(seed);
            figures += run_seed(seed, None);
        }
        figures
    };
    let mut all = Figures::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..options.jobs).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok(figures) => all += figures,
                Err(_) => is_over.store(true, Ordering::Relaxed),
            }
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} runs from seed {} in {seconds:.1} s, {:.0} a second, with {} threads: no violation\n{}",
        all.runs,
        options.from,
        all.runs as f64 / seconds,
        options.jobs,
        told(&all)
    );
    ExitCode::SUCCESS
}

fn told(figures: &Figures) -> String {
    format!(
        "{:.1} virtual days, {} steps of the machine, {} times started again, {} exchanges, {} writes, {} of them queued",
        figures.virtual_millis as f64 / 86_400_000.0,
        figures.steps,
        figures.lives,
        figures.exchanges,
        figures.writes,
        figures.accepted
    )
}

/// Tells of a violation and ends everything. Only the first is told.
fn report(violation: &PanicHookInfo<'_>) {
    static FIRST: Mutex<()> = Mutex::new(());
    let _first = FIRST.lock();
    let seed = SEED.get();
    let trace = std::env::current_exe()
        .and_then(|this| Command::new(this).args(["--seed", &seed.to_string()]).output())
        .map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        );
    let lines: Vec<&str> = trace.lines().collect();
    println!("the end of its trace ({} lines):", lines.len());
    lines[lines.len().saturating_sub(LINES)..].iter().for_each(|line| println!("{line}"));
    let replay = "cargo run --release -p relay-mcp-tests --bin simulate -- --seed";
    println!("seed {seed} shows a violation: {violation}\nto see all of it: {replay} {seed}");
    println!("to make it small: cargo run -p relay-mcp-tests --bin simulate -- --seed {seed} --shrink");
    exit(1);
}

fn show_smallest(seed: u64) -> ExitCode {
    if cfg!(panic = "abort") {
        eprintln!("a release build ends at the first violation: run this without --release");
        return ExitCode::from(2);
    }
    let loud = take_hook();
    set_hook(Box::new(|_| {}));
    let smallest = shrink(seed);
    set_hook(loud);
    match smallest {
        Some((plan, why)) => {
            println!("{plan:?}");
            let trace = thread::spawn(move || {
                relay_mcp_tests::simulation::run(plan, Some(|line| println!("{line}")));
            });
            let _ = trace.join();
            println!("{why}");
            ExitCode::FAILURE
        }
        None => {
            println!("seed {seed}: no violation");
            ExitCode::SUCCESS
        }
    }
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let (runs, time) = (u64::MAX, Duration::from_secs(60));
        let mut options = Self { runs, time, from: 1, jobs, seed: None, shrink: false };
        while let Some(name) = arguments.next() {
            if name == "--shrink" {
                options.shrink = true;
                continue;
            }
            let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
            let value = value.ok_or_else(|| format!("{name} needs a number"));
            match name.as_str() {
                "--runs" => (options.runs, options.time) = (value?, Duration::MAX),
                "--seconds" => options.time = Duration::from_secs(value?),
                "--from" => options.from = value?,
                "--jobs" => options.jobs = value?.max(1) as usize,
                "--seed" => options.seed = Some(value?),
                _ => return Err(format!("{name} is no option")),
            }
        }
        Ok(options)
    }
}
