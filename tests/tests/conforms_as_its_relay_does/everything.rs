//! npm's `server-everything`, a legacy relay that was not written here.

use relay_mcp_tests::relay::port;
use relay_mcp_tests::wait::until_async;
use std::process::Stdio;
use tokio::net::TcpStream;
use tokio::process::Child;

use super::runner;

/// Serves until it is dropped.
pub(crate) struct Everything {
    pub(crate) url: String,
    _process: Child,
}

pub(crate) async fn start() -> Everything {
    let port = port::free().await;
    let mut server = runner::node(&["@modelcontextprotocol", "server-everything", "dist", "index.js"]);
    server.arg("streamableHttp").env("PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = server.spawn().expect("start server-everything");
    let address = ("127.0.0.1", port);
    let listens = async || TcpStream::connect(address).await.ok();
    until_async("server-everything listens", listens).await;
    Everything { url: format!("http://127.0.0.1:{port}/mcp"), _process: process }
}
