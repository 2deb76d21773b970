//! A proxy that does nothing but speak HTTP with hyper on one thread: no door, no token, no look into the message, and a
//! connection to the relay for each one of the agent. What the sidecar costs beyond this is its own. `just bench` measures it as
//! `hyper`; see `tests/bench/README.md`.
#![allow(clippy::print_stderr, reason = "a program that says what is wrong")]

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let port = std::env::var("BENCH_PORT")?.parse()?;
    let relay = std::env::var("BENCH_RELAY_URL")?;
    let relay: &'static str = relay.trim_start_matches("http://").to_owned().leak();
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (agent, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = converse(agent, relay).await {
                eprintln!("hyper: {error}");
            }
        });
    }
}

async fn converse(agent: TcpStream, relay: &str) -> Result<(), Failure> {
    agent.set_nodelay(true)?;
    let relay = TcpStream::connect(relay).await?;
    relay.set_nodelay(true)?;
    let (sender, connection) = client::handshake(TokioIo::new(relay)).await?;
    tokio::spawn(connection);
    let sender = Mutex::new(sender);
    let service = service_fn(|request| pass(request, &sender));
    Ok(server::Builder::new().serve_connection(TokioIo::new(agent), service).await?)
}

/// Sends a request on, with its body whole, as the sidecar has to.
async fn pass(
    request: Request<Incoming>,
    relay: &Mutex<client::SendRequest<Full<Bytes>>>,
) -> hyper::Result<Response<Incoming>> {
    let (head, body) = request.into_parts();
    let body = Full::new(body.collect().await?.to_bytes());
    relay.lock().await.send_request(Request::from_parts(head, body)).await
}
