//! What is measured: the relay itself, nginx, builds of the sidecar, and what else is named on the command line.

pub(crate) mod nginx;
pub(crate) mod program;
pub(crate) mod sidecar;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) use self::sidecar::Sidecar;
use crate::client::Endpoint;
use crate::process::Used;

/// The token that the relay would want.
pub(crate) const TOKEN: &str = "a-token-of-the-benchmark";
/// The secret that the agent has.
pub(crate) const SECRET: &str = "a-secret-of-the-benchmark";

/// How long a program may take to start.
pub(crate) const START: Duration = Duration::from_secs(30);

/// Something that answers as the relay does, or the relay.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) endpoint: Endpoint,
    /// Whose CPU time and memory are counted; none for the relay itself.
    pub(crate) pid: Option<u32>,
    /// Not of ours: it may not hand on everything.
    pub(crate) is_foreign: bool,
    /// Ended with the target.
    _process: Option<Process>,
}

impl Target {
    pub(crate) fn new(
        name: &str,
        endpoint: Endpoint,
        counted: Option<u32>,
        process: Option<Process>,
    ) -> Self {
        Self { name: name.into(), endpoint, pid: counted, is_foreign: false, _process: process }
    }

    /// Another's program.
    pub(crate) fn foreign(name: &str, endpoint: Endpoint, process: Process) -> Self {
        Self { is_foreign: true, ..Self::new(name, endpoint, Some(process.pid()), Some(process)) }
    }

    /// The CPU time that it used so far.
    pub(crate) fn used(&self) -> Result<Option<Used>, String> {
        self.pid.map(Used::by).transpose()
    }

    /// The relay without a proxy.
    pub(crate) fn direct(relay: SocketAddr) -> Self {
        Self::new("direct", endpoint(relay), None, None)
    }
}

/// The endpoint at this address.
pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address, path: "/mcp".into(), secret: SECRET.into() }
}

/// A process that ends with this.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it; what it says on stderr goes to this file.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = fs::File::create(log).map_err(|error| format!("a log cannot be written: {error}"))?;
        let child = command.stderr(file).spawn();
        Ok(Self(child.map_err(|error| format!("{program} cannot be started: {error}"))?))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended()
            && let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::TERM);
            let deadline = Instant::now() + Duration::from_secs(5);
            while !self.has_ended() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

/// Waits until something is there.
pub(crate) fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, String> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {patience:?}"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, String> {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("there is no free port: {error}"))
}

/// The last lines of a log, for who wants to know why.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
