//! The relay of the demo: a small but real MCP server of the legacy era, in a process of its own. It wants a
//! token, keeps sessions in memory only, and applies a write once per idempotency key.

mod arrivals;
mod mcp;
mod tools;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

pub(super) use arrivals::Arrival;
use arrivals::Arrivals;
use mcp::Relay;
pub(super) use tools::{NEVER_ANSWER, TOOLS};

use super::process::Process;
use super::stage::Stage;
use super::trouble::{Expecting, Trouble};
use crate::cli::DemoRelayArgs;
use crate::secret::{SecretError, existing_secret};
use crate::settings::SecretOrigin;

/// As it calls itself in `initialize`.
pub(super) const NAME: &str = "demo-relay";

/// Why the relay does not run.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Nobody could come in.
    #[error(transparent)]
    Token(#[from] SecretError),
    /// It has no token to compare with.
    #[error("the token file {} is missing", .0.display())]
    NoToken(PathBuf),
    /// What arrived cannot be kept.
    #[error("the file of arrivals cannot be used: {0}")]
    Arrivals(io::Error),
    /// Its address is taken, or its stdout is closed.
    #[error("the relay cannot be reached: {0}")]
    Listen(io::Error),
}

/// Runs the relay, until it is killed.
///
/// # Errors
/// What is in the way of its start.
pub async fn serve_relay(args: DemoRelayArgs, out: &mut impl Write) -> Result<(), RelayError> {
    let token = existing_secret(&SecretOrigin::File(args.token_file.clone()))?;
    let token = token.ok_or(RelayError::NoToken(args.token_file))?;
    let arrivals = Arrivals::open(&args.arrivals).map_err(RelayError::Arrivals)?;
    let listener = TcpListener::bind(args.listen).await.map_err(RelayError::Listen)?;
    let address = listener.local_addr().map_err(RelayError::Listen)?;
    writeln!(out, "{}", json!({ "url": endpoint(address) })).map_err(RelayError::Listen)?;
    let relay = Arc::new(Relay::new(token, arrivals));
    loop {
        let (connection, _) = listener.accept().await.map_err(RelayError::Listen)?;
        let relay = Arc::clone(&relay);
        let service = service_fn(move |request| {
            let relay = Arc::clone(&relay);
            async move { relay.answer(request).await }
        });
        // A connection that breaks off is the other side's loss.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
    }
}

fn endpoint(address: SocketAddr) -> String {
    format!("http://{address}/api/mcp")
}

/// Where it is found.
pub(super) fn url(stage: &Stage) -> String {
    endpoint(stage.relay.address())
}

/// Starts it. Gives its process and where it is found.
pub(super) async fn start(stage: &Stage) -> Result<(Process, String), Trouble> {
    let mut command = Command::new(stage.program());
    command.args(["demo-relay", "--listen", &stage.relay.address().to_string()]);
    command.arg("--token-file").arg(stage.relay_token());
    command.arg("--arrivals").arg(stage.arrivals());
    let (process, ready) = Process::start("the relay", &mut command, &stage.log("relay")).await?;
    let url = ready["url"].as_str().expecting("the relay's URL")?.to_owned();
    Ok((process, url))
}

/// What arrived, over all its lives.
pub(super) fn arrivals(stage: &Stage) -> Result<Vec<Arrival>, Trouble> {
    arrivals::read(&stage.arrivals()).expecting("the relay's file of arrivals")
}
