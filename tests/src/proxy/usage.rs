//! What a proxy's process uses, as the system and its own metrics tell.

use std::fs;
use std::time::Duration;

/// The process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Open file descriptors.
    pub files: usize,
    /// Tasks that are alive.
    pub tasks: usize,
    /// Memory that is resident, in bytes.
    pub resident: usize,
}

impl Usage {
    /// # Panics
    /// When the process or a figure is not there.
    pub(super) fn of(pid: u32, metrics: &str) -> Self {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("its open files").count();
        let tasks = figure(metrics, "relay_mcp_proxy_tasks ").expect("its tasks");
        Self { files, tasks, resident: resident(pid) }
    }
}

/// How much memory of a process is resident, in bytes.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    1024 * figure(&status, "VmRSS:").expect("its resident memory")
}

/// Whether a process hardly works at all for a moment.
pub(super) async fn rests(pid: u32) -> bool {
    let before = worked(pid);
    tokio::time::sleep(Duration::from_millis(100)).await;
    worked(pid) <= before + 1
}

/// How long a process has worked, in the system's ticks of 10 ms.
fn worked(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    // The name in parentheses may hold anything, so the fields are counted from behind it.
    let (_, fields) = stat.rsplit_once(')').expect("a process with a name");
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a count")).sum()
}

/// The number behind this beginning of a line.
fn figure(text: &str, name: &str) -> Option<usize> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
