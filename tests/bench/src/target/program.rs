//! Another proxy, started by a command of the user's.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Process, SECRET, START, TOKEN, Target, endpoint, free_port, tail, wait_for};
use crate::machine::on_core;

/// Starts it in front of this relay, on this core. It is told by its environment what to do: see the README.
pub(crate) fn start(
    name: &str,
    command_line: &str,
    relay: SocketAddr,
    core: usize,
    home: &Path,
) -> Result<Target, String> {
    std::fs::create_dir_all(home).map_err(|error| format!("{name} cannot be set up: {error}"))?;
    let port = free_port()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let log = home.join("stderr");
    let mut command = Command::new("sh");
    // What is counted is the program, not the shell.
    command.arg("-c").arg(format!("exec {command_line}"));
    command
        .env("BENCH_RELAY_URL", format!("http://{relay}"))
        .env("BENCH_PORT", port.to_string())
        .env("BENCH_SECRET", SECRET)
        .env("BENCH_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut process = on_core(core, || Process::start(command, &log))??;
    let endpoint = endpoint(address);
    let ready = wait_for(&format!("{name} listens on port {port}"), START, || {
        let has_ended = process.has_ended();
        (has_ended || endpoint.connect().is_ok()).then_some(!has_ended)
    });
    match ready {
        Ok(true) => Ok(Target::new(name, endpoint, Some(process.pid()), Some(process))),
        Ok(false) => Err(format!("{name} ended at once: {}", tail(&log))),
        Err(why) => Err(format!("{why}: {}", tail(&log))),
    }
}
