//! What relay-mcp-proxy costs, beside nginx and the bare relay: see `tests/bench/README.md`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a program that prints, and whose counts are far from the limits of its numbers"
)]

mod client;
mod load;
mod machine;
mod mcp;
mod measure;
mod options;
mod process;
mod relay;
mod report;
mod stats;
mod target;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::machine::Cores;
use crate::measure::calls::{self, Plan, Runs};
use crate::options::{Measure, Options};
use crate::relay::Relay;
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

fn run(options: &Options) -> Result<String, String> {
    let cores = Cores::find()?;
    machine::open_files(100_000);
    let builds = builds(options)?;
    let here = beside_us("")?;
    let disk = options.disk.as_deref().unwrap_or(&here);
    let home = tempfile::Builder::new().prefix(".bench-").tempdir_in(disk);
    let home = home.map_err(|error| format!("{} cannot be used: {error}", disk.display()))?;
    machine::stay_on(cores.load)?;
    let mut report = String::new();
    if options.wants(Measure::Calls) {
        report += &calls_of(options, cores, &builds, home.path())?;
    }
    Ok(report)
}

fn calls_of(options: &Options, cores: Cores, builds: &[Build], home: &Path) -> Result<String, String> {
    let relay = Relay::start(cores.load)?;
    let mut targets = vec![Target::direct(relay.address())];
    if let Some(program) = nginx::find().filter(|_| !options.without_nginx) {
        targets.push(nginx::start(&program, relay.address(), cores.proxy, &home.join("nginx"))?);
    }
    for build in builds {
        let sidecar = Sidecar::start(build, relay.address(), cores.proxy, &home.join(&build.name), &[])?;
        targets.push(sidecar.into_target());
    }
    for (name, command) in &options.program {
        targets.push(program::start(name, command, relay.address(), cores.proxy, &home.join(name))?);
    }
    let plan = Plan {
        scenarios: &options.scenarios,
        connections: &options.connections,
        rounds: options.rounds(),
        seconds: options.seconds(),
    };
    let runs = calls::measure(&plan, &relay, &targets)?;
    let names: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
    let base = names.iter().find(|name| *name == "nginx").unwrap_or(&names[0]);
    Ok(report::calls::tables(&plan, &Runs(&runs), &names, base))
}

/// The builds of the sidecar that are measured, the native one first.
fn builds(options: &Options) -> Result<Vec<Build>, String> {
    let native = options.binary.clone().map_or_else(|| beside_us("relay-mcp-proxy"), Ok)?;
    if !native.is_file() {
        return Err(format!(
            "there is no {}: build it (cargo build --release), or name another with --binary",
            native.display()
        ));
    }
    let mut builds = vec![Build { name: "native".into(), program: native }];
    let component = match &options.component_binary {
        Some(named) if !named.is_file() => return Err(format!("there is no {}", named.display())),
        Some(named) => Some(named.clone()),
        None => Some(beside_us("relay-mcp-proxy-wasm")?).filter(|program| program.is_file()),
    };
    builds.extend(component.map(|program| Build { name: "component".into(), program }));
    for (name, path) in &options.also {
        if !Path::new(path).is_file() {
            return Err(format!("--also {name}: there is no {path}"));
        }
        builds.push(Build { name: name.clone(), program: path.into() });
    }
    Ok(builds)
}

/// A file in the directory of this program.
fn beside_us(name: &str) -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
    Ok(program.parent().unwrap_or(Path::new(".")).join(name))
}
