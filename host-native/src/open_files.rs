//! How many files the process may have open: an event stream is two of them, one on each side.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the process needs for itself: the store, its log and index, the lock, the control listener and who speaks
/// to it, the event loop.
const OWN: usize = 32;

/// Takes all that the system lets the process have. The usual limit, 1024, is kept low for the sake of old
/// programs only, and would be reached by `--max-streams 500`.
pub(crate) fn allow_all() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(error = error.to_string(), "the limit of open files stays as it is");
    }
}

/// For how many connections of agents there are files, with one to the relay for each, so that one agent too many
/// is told so, and costs the others neither the relay nor the store.
pub(crate) fn connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    (usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(OWN) / 2).max(1)
}
