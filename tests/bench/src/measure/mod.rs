//! What is measured, one after the other.

pub(crate) mod calls;
pub(crate) mod check;
pub(crate) mod drain;
pub(crate) mod memory;
pub(crate) mod queue;
pub(crate) mod recovery;
pub(crate) mod start;
pub(crate) mod streams;
pub(crate) mod writes;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::machine::Cores;
use crate::target::sidecar::Build;

/// What all measurements need.
pub(crate) struct Bench<'a> {
    pub(crate) cores: Cores,
    /// The builds of the sidecar, the native one first.
    pub(crate) builds: &'a [Build],
    /// Where stores are kept.
    pub(crate) home: &'a Path,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
    /// Whether another load generator is not to be asked.
    pub(crate) without_wrk: bool,
    /// Only whether it works is asked.
    pub(crate) quick: bool,
}

impl Bench<'_> {
    /// A directory that nobody used.
    pub(crate) fn new_home(&self) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        self.home.join(format!("home-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// One of the two.
    pub(crate) fn size<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }
}
