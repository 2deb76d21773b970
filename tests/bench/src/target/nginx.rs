//! nginx as a proxy that does no more than a proxy must: the measure of what passing on costs.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Process, START, TOKEN, Target, endpoint, free_port, tail, wait_for};
use crate::machine::on_core;
use crate::process::children;

/// Where nginx is, if it is installed.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join("nginx")).find(|program| program.is_file())
}

/// The version, as nginx says it.
pub(crate) fn version(program: &Path) -> String {
    let said = Command::new(program).arg("-v").output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stderr).into_owned()).unwrap_or_default();
    said.trim().rsplit('/').next().unwrap_or("?").to_owned()
}

/// Starts it in front of this relay: one worker, on this core.
pub(crate) fn start(program: &Path, relay: SocketAddr, core: usize, home: &Path) -> Result<Target, String> {
    let port = free_port()?;
    let failed = |error: std::io::Error| format!("nginx cannot be set up: {error}");
    fs::create_dir_all(home).map_err(failed)?;
    let (config, log) = (home.join("nginx.conf"), home.join("error.log"));
    fs::write(&config, configuration(home, relay, port)).map_err(failed)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&config).arg("-e").arg(&log).arg("-p").arg(home);
    let mut process = on_core(core, || Process::start(command, &home.join("stderr")))??;
    let master = process.pid();
    let worker = wait_for("nginx has a worker", START, || {
        if process.has_ended() { Some(None) } else { children(master).first().copied().map(Some) }
    })?;
    let worker = worker
        .ok_or_else(|| format!("nginx does not start: {}{}", tail(&home.join("stderr")), tail(&log)))?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Ok(Target::new("nginx", endpoint(address), Some(worker), Some(process)))
}

/// Bodies go through memory, never through a file, as large as they are here; the relay's connections are kept.
fn configuration(home: &Path, relay: SocketAddr, port: u16) -> String {
    let home = home.display();
    // nginx started by root gives its worker another user, who must reach nothing here.
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {home}/{name};\n"))
        .concat();
    format!(
        "daemon off;
worker_processes 1;
pid {home}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_buffer_size 256k;
{temporary}    upstream relay {{
        server {relay};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://relay;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Authorization \"Bearer {TOKEN}\";
            proxy_buffers 8 64k;
            proxy_busy_buffers_size 128k;
        }}
    }}
}}
"
    )
}
