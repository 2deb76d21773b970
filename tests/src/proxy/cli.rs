//! The command line, run to its end.

use std::ffi::OsStr;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::builder::bare_command;
use crate::wait::within;

/// A process that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub(super) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It succeeded.
    ///
    /// # Panics
    /// When it did not.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    /// When that is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// What it printed, by lines.
    #[must_use]
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}

/// Runs `relay-mcp-proxy` with these arguments and no environment of its own.
pub async fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
    run_with(arguments, &[]).await
}

/// The same with environment variables.
///
/// # Panics
/// When it does not end.
pub async fn run_with(
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    environment: &[(&str, &str)],
) -> Ended {
    let mut command = bare_command();
    command.args(arguments).envs(environment.iter().copied());
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    Ended::of(&within("the command ends", output).await.expect("run the binary"))
}
