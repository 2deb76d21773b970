//! How a proxy is started.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::Proxy;
use super::binary;
use super::cli::Ended;
use super::home::Home;
use super::launch;
use crate::wait::within;

/// A `relay-mcp-proxy serve` that does not run yet.
#[derive(Clone, Debug)]
pub struct ProxyBuilder {
    pub(super) home: Arc<Home>,
    relay: String,
    control: Option<String>,
    listen: Option<String>,
    token_file: bool,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    file_limit: Option<u32>,
    open_files: Option<u32>,
    most_open_files: Option<u32>,
    address_space: Option<u64>,
}

impl ProxyBuilder {
    /// A proxy of the relay at this URL.
    #[must_use]
    pub fn new(relay: &str) -> Self {
        Self {
            home: Arc::default(),
            relay: relay.to_owned(),
            control: None,
            listen: None,
            token_file: false,
            arguments: Vec::new(),
            environment: Vec::new(),
            file_limit: None,
            open_files: None,
            most_open_files: None,
            address_space: None,
        }
    }

    /// In the home of another.
    #[must_use]
    pub fn at(mut self, home: &Arc<Home>) -> Self {
        self.home = home.clone();
        self
    }

    /// With this relay token in its token file.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.home.write_token(token);
        self.token_file = true;
        self
    }

    /// With a token file that is not there yet.
    #[must_use]
    pub fn token_file(mut self) -> Self {
        self.token_file = true;
        self
    }

    /// `--listen`
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.listen = Some(address.to_owned());
        self
    }

    /// `--listen 127.0.0.1:port`
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        self.listen(&format!("127.0.0.1:{port}"))
    }

    /// `--control`
    #[must_use]
    pub fn control(mut self, address: &str) -> Self {
        self.control = Some(address.to_owned());
        self
    }

    /// A flag with a value.
    #[must_use]
    pub fn flag(self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.argument(name).argument(value)
    }

    /// One more argument.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The agent's own worktree is there from the start.
    #[must_use]
    pub fn isolated_worktree(self) -> Self {
        self.argument("--isolated-worktree")
    }

    /// No file may grow beyond so many blocks of 512 bytes: a disk that is full.
    #[must_use]
    pub fn file_limit(mut self, blocks: Option<u32>) -> Self {
        self.file_limit = blocks;
        self
    }

    /// It is started where so many files may be open, as far as it does not ask for more.
    #[must_use]
    pub fn open_files(mut self, count: u32) -> Self {
        self.open_files = Some(count);
        self
    }

    /// So many files may be open, and it cannot ask for more.
    #[must_use]
    pub fn most_open_files(mut self, count: Option<u32>) -> Self {
        self.most_open_files = count;
        self
    }

    /// So much address space may be taken, in KiB: a machine without memory.
    #[must_use]
    pub fn address_space(mut self, kib: Option<u64>) -> Self {
        self.address_space = kib;
        self
    }

    /// `--relay-timeout`
    #[must_use]
    pub fn relay_timeout(self, time: &str) -> Self {
        self.flag("--relay-timeout", time)
    }

    /// Starts it, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start(self) -> Proxy {
        launch::start(self).await
    }

    /// Starts it, and waits until it is ready, or has ended; what it said then is in the log of its home.
    ///
    /// # Errors
    /// It has ended.
    pub async fn try_start(self) -> Result<Proxy, Ended> {
        launch::try_start(self).await
    }

    /// Starts it, and waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not.
    pub async fn fail(self) -> Ended {
        let mut command = self.command();
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        Ended::of(&within("the proxy gives up", output).await.expect("run the proxy"))
    }

    pub(super) fn command(&self) -> Command {
        let mut command = self.limited_command();
        command.arg("serve").args(["--relay-url", &self.relay]);
        command.arg("--data-dir").arg(self.home.data());
        if self.token_file {
            command.arg("--token-file").arg(self.home.token_file());
        }
        if let Some(control) = &self.control {
            command.args(["--control", control]);
        }
        if let Some(listen) = &self.listen {
            command.args(["--listen", listen]);
        }
        command.args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The binary, in a shell that sets limits where there are any. A write beyond the limit of a file's size
    /// is an error there, not a signal.
    fn limited_command(&self) -> Command {
        let size = self.file_limit.map(|blocks| format!("trap '' XFSZ; ulimit -f {blocks}; "));
        let open = self.open_files.map(|count| format!("ulimit -Sn {count}; "));
        let most = self.most_open_files.map(|count| format!("ulimit -n {count}; "));
        let memory = self.address_space.map(|kib| format!("ulimit -v {kib}; "));
        let limits: String = [size, open, most, memory].into_iter().flatten().collect();
        if limits.is_empty() {
            return bare_command();
        }
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(limits + r#"exec "$0" "$@""#).arg(binary::path());
        prepared(shell)
    }
}

/// The binary with no environment but what every process needs.
pub(super) fn bare_command() -> Command {
    prepared(Command::new(binary::path()))
}

fn prepared(mut command: Command) -> Command {
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for name in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}
