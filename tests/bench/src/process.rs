//! What a process has used, as the kernel counts it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The CPU time of all threads of a process so far, in nanoseconds where the kernel tells it so exactly.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    /// Of each thread that there is.
    threads: Vec<(u32, u64)>,
    /// Of all threads, also those that have ended, in hundredths of a second.
    ticks: u64,
}

/// How the kernel counts in `/proc/PID/stat`, on every Linux.
const TICK: Duration = Duration::from_millis(10);

impl Used {
    pub(crate) fn by(pid: u32) -> Result<Self, String> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_err(|error| format!("process {pid} is gone: {error}"))?;
        let after_name = stat.rsplit_once(") ").ok_or("a stat without a name")?.1;
        let fields = || after_name.split(' ').skip(11).take(2);
        let ticks = fields().filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Self { threads: threads(pid), ticks })
    }

    /// What was used since then.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let has_lost = before.threads.iter().any(|(id, _)| !self.threads.iter().any(|(now, _)| now == id));
        if has_lost || self.threads.is_empty() {
            return self.ticks_since(before);
        }
        let sum = |used: &Self| used.threads.iter().map(|(_, nanos)| nanos).sum::<u64>();
        Duration::from_nanos(sum(self).saturating_sub(sum(before)))
    }

    /// The same, counted in ticks.
    pub(crate) fn ticks_since(&self, before: &Self) -> Duration {
        TICK * u32::try_from(self.ticks.saturating_sub(before.ticks)).unwrap_or(u32::MAX)
    }
}

fn threads(pid: u32) -> Vec<(u32, u64)> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let of = |task: PathBuf| {
        let id = task.file_name()?.to_str()?.parse().ok()?;
        let line = fs::read_to_string(task.join("schedstat")).ok()?;
        Some((id, line.split(' ').next()?.parse().ok()?))
    };
    tasks.flatten().filter_map(|task| of(task.path())).collect()
}

/// The memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// All of it that is in memory.
    pub(crate) rss: u64,
    /// Less the pages of files, such as the program itself.
    pub(crate) anonymous: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse().ok()
        };
        Self { rss: field("VmRSS:").unwrap_or(0), anonymous: field("RssAnon:").unwrap_or(0) }
    }
}

/// The processes that this one started.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The memory that the kernel has for itself, sockets and what waits in them among it, in KiB.
pub(crate) fn kernel_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let slab = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let slab = slab.and_then(|slab| slab.trim().trim_end_matches(" kB").parse().ok());
    slab.unwrap_or(0u64) + socket_buffers()
}

fn socket_buffers() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let pages = line.rsplit_once("mem ").and_then(|(_, pages)| pages.trim().parse().ok());
    pages.unwrap_or(0u64) * 4
}
