//! The relay as a process, so that it can be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::ledger::{Write, read_journal};
use super::port;
use crate::wait::within;

/// A relay in a process of its own, with its applied writes in a file.
#[derive(Debug)]
pub struct RelayProcess {
    binary: PathBuf,
    kind: Vec<String>,
    port: u16,
    journal: PathBuf,
    child: Option<Child>,
    listening_since: Instant,
}

impl RelayProcess {
    /// Starts it. `binary` is `env!("CARGO_BIN_EXE_test-relay")`.
    pub async fn start(binary: &str, journal: &Path) -> Self {
        Self::start_as(binary, journal, &[]).await
    }

    /// Starts one of another kind, such as `--sessions`.
    pub async fn start_as(binary: &str, journal: &Path, kind: &[&str]) -> Self {
        let port = port::free().await;
        let kind = kind.iter().map(|flag| (*flag).to_owned()).collect();
        let (journal, listening_since) = (journal.to_owned(), Instant::now());
        let mut relay = Self { binary: binary.into(), kind, port, journal, child: None, listening_since };
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
            .args(&self.kind)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("start the test relay");
        let mut lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
        let line = within("the test relay is ready", lines.next_line()).await.expect("a line");
        let since = line.as_deref().and_then(|line| line.strip_prefix("ready ")?.parse().ok());
        self.listening_since = instant_of(since.expect("the test relay starts"));
        self.child = Some(child);
    }

    /// Since when it listens, or did when it last ran.
    #[must_use]
    pub fn listening_since(&self) -> Instant {
        self.listening_since
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

/// A moment of another process's clock on our own.
fn instant_of(unix_micros: u64) -> Instant {
    let ago = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_micros(unix_micros));
    Instant::now() - ago.unwrap_or_default()
}
