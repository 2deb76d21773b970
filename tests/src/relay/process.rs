//! The relay as a process, so that it can be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::ledger::{Write, read_journal};
use super::port;
use crate::wait::within;

/// A relay in a process of its own, with its applied writes in a file.
#[derive(Debug)]
pub struct RelayProcess {
    binary: PathBuf,
    port: u16,
    journal: PathBuf,
    child: Option<Child>,
}

impl RelayProcess {
    /// Starts it. `binary` is `env!("CARGO_BIN_EXE_test-relay")`.
    pub async fn start(binary: &str, journal: &Path) -> Self {
        let port = port::free().await;
        let mut relay = Self { binary: binary.into(), port, journal: journal.to_owned(), child: None };
        relay.start_again().await;
        relay
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.ok();
        }
    }

    /// Starts it on the same port with the same file, unless it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        if self.child.is_some() {
            return;
        }
        let mut child = Command::new(&self.binary)
            .args(["--port", &self.port.to_string(), "--journal"])
            .arg(&self.journal)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("start the test relay");
        let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
        let line = within("the test relay is ready", lines.next_line()).await.expect("a line");
        assert_eq!(line.as_deref(), Some("ready"), "the test relay starts");
        self.child = Some(child);
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// The writes that it has applied, while it is dead.
    ///
    /// # Panics
    /// When it runs.
    #[must_use]
    pub fn applied(&self) -> Vec<Write> {
        assert!(!self.runs(), "read the journal of a dead relay only");
        read_journal(&self.journal)
    }
}
