//! Another proxy, started by a command of the user's.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Process, SECRET, START, TOKEN, Target, endpoint, free_port, tail, wait_for};
use crate::machine::on_core;

/// Starts it in front of this relay, on this core. It is told by its environment what to do, and listens where it is told, or
/// says in a line of JSON on stdout on which port: see the README.
pub(crate) fn start(
    name: &str,
    command_line: &str,
    relay: SocketAddr,
    core: usize,
    home: &Path,
) -> Result<Target, String> {
    let failed = |error: std::io::Error| format!("{name} cannot be set up: {error}");
    fs::create_dir_all(home).map_err(failed)?;
    let port = free_port()?;
    let (said, log) = (home.join("stdout"), home.join("stderr"));
    let mut command = Command::new("sh");
    // What is counted is the program, not the shell.
    command.arg("-c").arg(format!("exec {command_line}"));
    command
        .env("BENCH_RELAY_URL", format!("http://{relay}"))
        .env("BENCH_PORT", port.to_string())
        .env("BENCH_SECRET", SECRET)
        .env("BENCH_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&said).map_err(failed)?);
    let mut process = on_core(core, || Process::start(command, &log))??;
    let ready = wait_for(&format!("{name} takes connections"), START, || {
        let endpoint = endpoint(SocketAddr::from(([127, 0, 0, 1], told(&said).unwrap_or(port))));
        let is_up = endpoint.connect().is_ok();
        (is_up || process.has_ended()).then_some(is_up.then_some(endpoint))
    });
    match ready {
        Ok(Some(endpoint)) => Ok(Target::foreign(name, endpoint, process)),
        Ok(None) => Err(format!("{name} ended at once: {}", tail(&log))),
        Err(why) => Err(format!("{why}: {}", tail(&log))),
    }
}

/// The port in the first line of JSON.
fn told(said: &Path) -> Option<u16> {
    let text = fs::read_to_string(said).ok()?;
    let line: Value = text.lines().find_map(|line| serde_json::from_str(line).ok())?;
    u16::try_from(line["port"].as_u64()?).ok()
}
