//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::mcp::Scenario;
use crate::target::nginx;

/// What relay-mcp-proxy costs: beside the bare relay, beside nginx, and beside other builds of itself. The report goes to
/// stdout, and with --out into files. One core is for the proxy, another for the relay and the load.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Options {
    /// Measure what `host-native/build-release.sh` built, in place of what is beside this program
    #[arg(long)]
    pub(crate) released: bool,

    /// The sidecar [default: relay-mcp-proxy beside this program, or released]
    #[arg(long, value_name = "PATH")]
    pub(crate) binary: Option<PathBuf>,

    /// The sidecar with its core in a sandbox [default: relay-mcp-proxy-wasm in the same folder, if it is there]
    #[arg(long, value_name = "PATH")]
    pub(crate) component_binary: Option<PathBuf>,

    /// Measure another build of the sidecar too, such as the one before a change; may be given several times
    #[arg(long, value_name = "NAME=PATH", value_parser = named)]
    pub(crate) also: Vec<(String, String)>,

    /// Measure another proxy too; may be given several times. The command finds BENCH_RELAY_URL, BENCH_PORT,
    /// BENCH_SECRET and BENCH_TOKEN in its environment, and answers at /mcp on that port; see the README
    #[arg(long, value_name = "NAME=COMMAND", value_parser = named)]
    pub(crate) program: Vec<(String, String)>,

    /// Measure only this; may be given several times
    #[arg(long, value_name = "MEASURE")]
    pub(crate) only: Vec<Measure>,

    /// Only these kinds of request, of the measure `calls`
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', default_values_t = Scenario::ALL)]
    pub(crate) scenarios: Vec<Scenario>,

    /// How many connections at once, of the measure `calls`
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 16, 64])]
    pub(crate) connections: Vec<usize>,

    /// How often each is measured; the medians are reported [default: 5, quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: Option<u32>,

    /// How long each run of requests takes [default: 3, quick 0.1]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<f64>,

    /// All of it, and so little of each that the figures mean nothing: to see that the benchmark works
    #[arg(long)]
    pub(crate) quick: bool,

    /// Where the stores are kept while they are measured: on the disk that is meant [default: beside this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) disk: Option<PathBuf>,

    /// Write RESULTS.md and results.svg into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Leave nginx out
    #[arg(long)]
    pub(crate) without_nginx: bool,

    /// Leave the sidecar with its core in a sandbox out
    #[arg(long, conflicts_with = "component_binary")]
    pub(crate) without_component: bool,

    /// Do not ask wrk
    #[arg(long)]
    pub(crate) without_wrk: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// What a request costs that passes through
    Calls,
    /// Whether the benchmark itself can be trusted
    Check,
    /// How much memory is taken, idle and after a million requests
    Memory,
    /// How long a start takes
    Start,
    /// How many writes a second become durable
    Writes,
    /// How fast 100,000 queued writes reach the relay
    Drain,
    /// How much memory an idle event stream takes
    Streams,
    /// How soon a relay that is back is noticed
    Recovery,
}

impl Options {
    pub(crate) fn wants(&self, measure: Measure) -> bool {
        self.only.is_empty() || self.only.contains(&measure)
    }

    /// Where nginx is, if it is to be measured.
    pub(crate) fn nginx(&self) -> Option<PathBuf> {
        nginx::find().filter(|_| !self.without_nginx)
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(if self.quick { 0.1 } else { 3.0 })
    }
}

fn named(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is written NAME=…")?;
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    match is_name {
        true => Ok((name.to_owned(), value.to_owned())),
        false => Err("a name is made of letters, digits, `-`, `.` and `_`".into()),
    }
}

impl ValueEnum for Scenario {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()).help(self.title()))
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}
