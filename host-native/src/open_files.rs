//! How many files the process may have open: an event stream is two of them, one on each side.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes all that the system lets the process have. The usual limit, 1024, is kept low for the sake of old
/// programs only, and would be reached by `--max-streams 500`.
pub(crate) fn allow_all() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(error = error.to_string(), "the limit of open files stays as it is");
    }
}
