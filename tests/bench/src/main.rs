//! What relay-mcp-proxy costs, beside nginx and the bare relay: see `tests/bench/README.md`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a program that prints, and whose counts are far from the limits of its numbers"
)]

mod about;
mod bare;
mod client;
mod load;
mod machine;
mod mcp;
mod measure;
mod options;
mod process;
mod relay;
mod report;
mod results;
mod stats;
mod target;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::machine::Cores;
use crate::measure::calls::{self, Plan};
use crate::measure::{Bench, check, drain, memory, recovery, start, streams, writes};
use crate::options::{Measure, Options};
use crate::relay::Relay;
use crate::results::Results;
use crate::target::sidecar::Build;
use crate::target::{Sidecar, Target, nginx, program};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, writes the report where it is wanted, and returns it.
fn run(options: &Options) -> Result<String, String> {
    let results = measured(options)?;
    let Some(out) = &options.out else { return Ok(report::markdown(&results, None)) };
    let picture = report::plot::svg(&results);
    let report = report::markdown(&results, picture.as_ref().map(|_| "results.svg"));
    let written = fs::create_dir_all(out)
        .and_then(|()| picture.map_or(Ok(()), |picture| fs::write(out.join("results.svg"), picture)))
        .and_then(|()| fs::write(out.join("RESULTS.md"), &report));
    written.map_err(|error| format!("the report cannot be written: {error}"))?;
    Ok(report)
}

fn measured(options: &Options) -> Result<Results, String> {
    let cores = Cores::find()?;
    machine::open_files(40_000);
    let here = beside_us("")?;
    let disk = options.disk.as_deref().unwrap_or(&here);
    let home = tempfile::Builder::new().prefix(".bench-").tempdir_in(disk);
    let home = home.map_err(|error| format!("{} cannot be used: {error}", disk.display()))?;
    let builds = builds(options, home.path())?;
    let bench = Bench {
        cores,
        builds: &builds,
        home: home.path(),
        rounds: options.rounds(),
        seconds: options.seconds(),
        without_wrk: options.without_wrk,
        quick: options.quick,
    };
    let mut results = Results {
        about: about::lines(options, cores, home.path()),
        builds: builds.iter().map(|build| build.name.clone()).collect(),
        ..Results::default()
    };
    machine::stay_on(cores.load)?;
    compiled(&bench)?;
    if options.wants(Measure::Calls) || options.wants(Measure::Check) {
        passing(options, &bench, &mut results)?;
    }
    if options.wants(Measure::Memory) {
        results.memory = memory::measure(&bench)?;
    }
    if options.wants(Measure::Start) {
        results.starts = start::measure(&bench)?;
    }
    if options.wants(Measure::Writes) {
        results.writes = writes::measure(&bench)?;
    }
    if options.wants(Measure::Drain) {
        results.drains = drain::measure(&bench)?;
    }
    if options.wants(Measure::Streams) {
        results.streams = streams::measure(&bench)?;
    }
    if options.wants(Measure::Recovery) {
        results.recoveries = recovery::measure(&bench)?;
    }
    Ok(results)
}

/// What passes through, measured at all targets.
fn passing(options: &Options, bench: &Bench<'_>, results: &mut Results) -> Result<(), String> {
    let relay = Relay::start(bench.cores.load)?;
    let (address, core) = (relay.address(), bench.cores.proxy);
    let mut targets = vec![Target::direct(address)];
    if let Some(program) = options.nginx() {
        targets.push(nginx::start(&program, address, core, &bench.new_home())?);
    }
    let bare = beside_us("examples/hyper")?;
    if bare.is_file() {
        targets.push(program::start("hyper", &bare.display().to_string(), address, core, &bench.new_home())?);
    }
    for build in bench.builds {
        targets.push(Sidecar::start(build, address, core, &bench.new_home(), &[])?.into_target());
    }
    for (name, command) in &options.program {
        targets.push(program::start(name, command, address, core, &bench.new_home())?);
    }
    results.targets = targets.iter().map(|target| target.name.clone()).collect();
    if options.wants(Measure::Check) {
        results.checks = check::measure(bench, &relay, &targets)?;
    }
    if options.wants(Measure::Calls) {
        let plan = Plan {
            scenarios: &options.scenarios,
            connections: &options.connections,
            rounds: bench.rounds,
            seconds: bench.seconds,
        };
        results.runs = calls::measure(&plan, &relay, &targets)?;
        results.scenarios.clone_from(&options.scenarios);
        results.connections.clone_from(&options.connections);
    }
    Ok(())
}

/// What a build compiles at its first start is there from then on.
fn compiled(bench: &Bench<'_>) -> Result<(), String> {
    let relay = Relay::start(bench.cores.load)?;
    for build in bench.builds {
        Sidecar::start(build, relay.address(), bench.cores.proxy, &bench.new_home(), &[])?;
    }
    Ok(())
}

/// The builds of the sidecar that are measured, the native one first.
fn builds(options: &Options, home: &Path) -> Result<Vec<Build>, String> {
    let folder = if options.released { "../released/" } else { "" };
    let built = |name: &str| beside_us(&format!("{folder}{name}"));
    let native = options.binary.clone().map_or_else(|| built("relay-mcp-proxy"), Ok)?;
    if !native.is_file() {
        let native = native.display();
        let how =
            if options.released { "host-native/build-release.sh --with-component" } else { "just bench" };
        return Err(format!("there is no {native}: run `{how}`, or name another with --binary"));
    }
    let build =
        |name: &str, program| Build { name: name.into(), program, cache: home.join(format!("cache-{name}")) };
    let mut builds = vec![build("native", native)];
    let component = match &options.component_binary {
        Some(named) if !named.is_file() => return Err(format!("there is no {}", named.display())),
        Some(named) => Some(named.clone()),
        None if options.without_component => None,
        None => Some(built("relay-mcp-proxy-wasm")?).filter(|program| program.is_file()),
    };
    builds.extend(component.map(|program| build("component", program)));
    for (name, path) in &options.also {
        if !Path::new(path).is_file() {
            return Err(format!("--also {name}: there is no {path}"));
        }
        builds.push(build(name, path.into()));
    }
    Ok(builds)
}

/// A file in the directory of this program.
fn beside_us(name: &str) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
    Ok(program.parent().unwrap_or(Path::new(".")).join(name))
}
