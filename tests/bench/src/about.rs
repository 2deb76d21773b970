//! What the figures are of: the machine, the programs and how they were run. Nothing that names the machine or a path on it.

use std::path::Path;
use std::process::Command;

use rusqlite::version as sqlite;

use crate::machine::{self, Cores};
use crate::options::Options;
use crate::target::nginx;

/// A line for each.
pub(crate) fn lines(options: &Options, cores: Cores, disk: &Path) -> Vec<String> {
    let nginx =
        options.nginx().map_or("no nginx".into(), |program| format!("nginx {}", nginx::version(&program)));
    let share = match cores.proxy == cores.load {
        false => "one core for the proxy, one for the relay and the load",
        true => "**one core for everything**, since there is no other",
    };
    let rounds = options.rounds();
    let seconds = options.seconds();
    let mut lines = vec![
        format!(
            "{}; {share}; load average at the beginning {}",
            machine::described(cores),
            machine::load_average()
        ),
        format!(
            "relay-mcp-proxy {}, {nginx}, SQLite {}, disk: {}",
            env!("CARGO_PKG_VERSION"),
            sqlite(),
            file_system(disk)
        ),
        format!(
            "{}: `just bench{}`; {rounds} rounds, {seconds} s for each run",
            said("date", &["-u", "+%F"]),
            arguments()
        ),
    ];
    if options.quick {
        lines.push("**`--quick`: so little was measured that the figures mean nothing**".into());
    }
    if cfg!(debug_assertions) {
        lines.push("**the load was a debug build: the figures mean nothing**".into());
    }
    lines
}

/// How it was called, less the paths of this machine.
fn arguments() -> String {
    let mut shown = String::new();
    for argument in std::env::args().skip(1) {
        let is_path = argument.contains('/');
        let name = argument.split_once('=').map_or("", |(name, _)| name);
        shown += &match is_path {
            false => format!(" {argument}"),
            true if name.is_empty() => " …".into(),
            true => format!(" {name}=…"),
        };
    }
    shown
}

fn file_system(at: &Path) -> String {
    said("stat", &["-f", "-c", "%T", &at.to_string_lossy()])
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "?".into() } else { text }
}
