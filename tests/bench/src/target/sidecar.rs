//! The sidecar, as users run it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Process, SECRET, TOKEN, Target, endpoint, tail};
use crate::client::{self, Endpoint};
use crate::machine::on_core;

/// A build of the sidecar.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    /// Where a component is kept that is compiled at the first start, and not again.
    pub(crate) cache: PathBuf,
}

impl Build {
    /// Whether its core is in a sandbox, as the name of the program says.
    pub(crate) fn is_component(&self) -> bool {
        self.program.file_name().is_some_and(|name| name.to_string_lossy().contains("wasm"))
    }
}

/// A sidecar that runs.
pub(crate) struct Sidecar {
    pub(crate) name: String,
    pub(crate) endpoint: Endpoint,
    /// From the start of the process until it said that it is ready.
    pub(crate) ready_after: Duration,
    process: Process,
    control: PathBuf,
}

impl Sidecar {
    /// Starts it in front of this relay, on this core; returns when it says that it is ready. The directory is new, or that of
    /// one that has ended.
    pub(crate) fn start(
        build: &Build,
        relay: SocketAddr,
        core: usize,
        home: &Path,
        arguments: &[String],
    ) -> Result<Self, String> {
        let Build { name, program, .. } = build;
        let failed = |error: std::io::Error| format!("{name} cannot be set up: {error}");
        fs::create_dir_all(home).map_err(failed)?;
        let token = home.join("token");
        fs::write(&token, TOKEN).map_err(failed)?;
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        // The path of a socket is short, wherever the directory is.
        let control =
            std::env::temp_dir().join(format!("relay-mcp-bench-{}-{name}.sock", std::process::id()));
        let log = home.join("log");
        let mut command = Command::new(program);
        command.arg("serve").arg("--relay-url").arg(format!("http://{relay}/mcp"));
        command.arg("--data-dir").arg(home.join("data")).arg("--token-file").arg(&token);
        command.arg("--control").arg(format!("unix:{}", control.display())).args(arguments);
        command.env("XDG_CACHE_HOME", &build.cache);
        command.env("RELAY_MCP_PROXY_SECRET", SECRET).stdin(Stdio::null()).stdout(Stdio::piped());
        let begun = Instant::now();
        let mut process = on_core(core, || Process::start(command, &log))??;
        let stdout = process.child().stdout.take().ok_or("a process without stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
        let ready_after = begun.elapsed();
        let ready: Value = serde_json::from_str(&line)
            .map_err(|_| format!("{name} does not start, and says: {}", tail(&log)))?;
        let port = ready["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| format!("{name} tells no port: {line}"))?;
        let endpoint = endpoint(SocketAddr::from(([127, 0, 0, 1], port)));
        Ok(Self { name: name.clone(), endpoint, ready_after, process, control })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What its control listener answers.
    fn status(&self) -> Result<Value, String> {
        let answer = client::control(&self.control, "/v1/status")?;
        serde_json::from_slice(&answer.body).map_err(|error| format!("the status is no JSON: {error}"))
    }

    /// The value of a metric, such as `relay_mcp_proxy_store_sync_seconds_count`.
    pub(crate) fn metric(&self, name: &str) -> Result<f64, String> {
        let answer = client::control(&self.control, "/metrics")?;
        let text = answer.text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.and_then(|value| value.split(' ').next()?.parse().ok());
        value.ok_or_else(|| format!("there is no metric {name}"))
    }

    /// How many writes are queued.
    pub(crate) fn queued(&self) -> Result<u64, String> {
        let status = self.status()?;
        status["outbox"]["depth"].as_u64().ok_or_else(|| format!("a status without a depth: {status}"))
    }

    /// As something to be measured beside others.
    pub(crate) fn into_target(self) -> Target {
        let pid = self.pid();
        Target::new(&self.name, self.endpoint, Some(pid), Some(self.process))
    }
}
