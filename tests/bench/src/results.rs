//! All that was measured.

use crate::mcp::Scenario;
use crate::measure::calls::Run;
use crate::measure::check::Check;
use crate::measure::drain::Drained;
use crate::measure::memory::Taken;
use crate::measure::recovery::Recovered;
use crate::measure::start::Started;
use crate::measure::streams::Idle;
use crate::measure::writes::Round;

/// What was left out is empty.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// The machine, the programs and how they were run, a line each.
    pub(crate) about: Vec<String>,
    /// What was run, in its order.
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) connections: Vec<usize>,
    pub(crate) targets: Vec<String>,
    /// Those of the targets that are sidecars.
    pub(crate) builds: Vec<String>,
    pub(crate) runs: Vec<Run>,
    pub(crate) checks: Vec<Check>,
    pub(crate) memory: Vec<Taken>,
    pub(crate) starts: Vec<Started>,
    pub(crate) writes: Vec<Round>,
    pub(crate) drains: Vec<Drained>,
    pub(crate) streams: Vec<Idle>,
    pub(crate) recoveries: Vec<Recovered>,
}

impl Results {
    /// Whom others are compared with: nginx, and where it is not installed the relay itself.
    pub(crate) fn base(&self) -> &str {
        self.targets.iter().find(|name| *name == "nginx").map_or("direct", String::as_str)
    }
}
