//! The machine that is measured on: its cores, and what is to be said of it.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Which core does what. With only one, both are the same, and the report says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) proxy: usize,
    pub(crate) load: usize,
    pub(crate) count: usize,
}

impl Cores {
    /// The first two cores that this process may use.
    pub(crate) fn find() -> Result<Self, String> {
        let cores = affinity::get()?;
        let proxy = *cores.first().ok_or("this process may use no core")?;
        Ok(Self { proxy, load: *cores.get(1).unwrap_or(&proxy), count: cores.len() })
    }
}

/// Has this thread, and what it starts from now on, run on one core only.
pub(crate) fn stay_on(core: usize) -> Result<(), String> {
    affinity::set(&[core])
}

/// Does something on this core, such as starting a process that is to stay there.
pub(crate) fn on_core<T>(core: usize, act: impl FnOnce() -> T) -> Result<T, String> {
    let before = affinity::get()?;
    affinity::set(&[core])?;
    let done = act();
    affinity::set(&before)?;
    Ok(done)
}

/// The cores on which this thread may run.
#[cfg(target_os = "linux")]
mod affinity {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(super) fn get() -> Result<Vec<usize>, String> {
        let set = sched_getaffinity(None).map_err(|error| format!("the cores cannot be told: {error}"))?;
        Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    pub(super) fn set(cores: &[usize]) -> Result<(), String> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).map_err(|error| format!("cores {cores:?} cannot be chosen: {error}"))
    }
}

/// Elsewhere the benchmark is built, so that the workspace is, and does not run.
#[cfg(not(target_os = "linux"))]
mod affinity {
    pub(super) fn get() -> Result<Vec<usize>, String> {
        Err("the benchmark needs Linux".into())
    }

    pub(super) fn set(_cores: &[usize]) -> Result<(), String> {
        get().map(drop)
    }
}

/// Lets this process, and those that it starts, have so many files open, if it may; how many it is then.
pub(crate) fn open_files(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= wanted) {
        return limit.current.unwrap_or(u64::MAX);
    }
    let most = limit.maximum.unwrap_or(u64::MAX);
    let higher = Rlimit { current: Some(wanted), maximum: Some(wanted.max(most)) };
    if setrlimit(Resource::Nofile, higher).is_err() {
        let all = Rlimit { current: Some(most.min(wanted)), maximum: limit.maximum };
        let _ = setrlimit(Resource::Nofile, all);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The machine in a line, with nothing that names it.
pub(crate) fn described(cores: Cores) -> String {
    let model = line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = line_of("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gib = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / f64::from(1 << 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let count = cores.count;
    format!("{count} cores ({model}), {gib:.0} GiB, Linux {}", kernel.trim())
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// How many processes want to run, on average over the last minute: on a quiet machine near 0 before the measuring.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
