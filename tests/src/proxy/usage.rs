//! What a proxy's process uses, as the system and its own metrics tell.

use std::fs;
use std::path::PathBuf;
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
    1024 * figure(&status(pid), "VmRSS:").expect("its resident memory")
}

/// The most memory of a process that was resident so far, in bytes.
pub(super) fn peak(pid: u32) -> usize {
    1024 * figure(&status(pid), "VmHWM:").expect("its most resident memory")
}

/// How much address space a process has taken at the most, in KiB.
pub(super) fn address_space(pid: u32) -> u64 {
    figure(&status(pid), "VmPeak:").expect("its address space") as u64
}

fn status(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process")
}

/// How long a process has waited for a processor that others had, all its threads together. No time where the
/// system does not count that.
#[must_use]
pub fn waited(pid: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let of_thread = |path: PathBuf| -> Option<u64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().nth(1)?.parse().ok()
    };
    Duration::from_nanos(threads.filter_map(|thread| of_thread(thread.ok()?.path())).sum())
}

/// Whether a process has nothing to do for a moment: it sleeps whenever it is looked at, and hardly works.
pub(super) async fn rests(pid: u32) -> bool {
    let before = worked(pid);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if !state(pid).starts_with('S') {
            return false;
        }
    }
    worked(pid) <= before + 1
}

/// What a process does, such as `S` for sleeping, and what else the system tells of it.
fn state(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    // The name in parentheses may hold anything, so the fields are counted from behind it.
    let (_, fields) = stat.rsplit_once(')').expect("a process with a name");
    fields.trim_start().to_owned()
}

/// How long a process has worked, in the system's ticks of 10 ms.
fn worked(pid: u32) -> u64 {
    let fields = state(pid);
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a count")).sum()
}

/// The number behind this beginning of a line.
fn figure(text: &str, name: &str) -> Option<usize> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
