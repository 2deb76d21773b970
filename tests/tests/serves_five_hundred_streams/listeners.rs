//! Agents that listen, and agents that should.

use std::net::SocketAddr;

use relay_mcp_tests::agent::{Agent, Ask};
use relay_mcp_tests::proxy::Proxy;
use serde_json::json;
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::latency::{self, Heard};

/// An agent that reads its stream; dropping it hangs up.
pub(crate) struct Reader {
    name: String,
    task: AbortHandle,
}

impl Reader {
    /// Opens a stream and reads it for as long as it lasts.
    pub(crate) async fn open(proxy: &Proxy, number: usize, heard: &Heard) -> Self {
        let (name, ask) = listen(proxy, "reader", number).await;
        let mut events = ask.open().await;
        assert_eq!(events.status, 200, "a stream is opened");
        let heard = heard.clone();
        let task = tokio::spawn(async move {
            let mut reading = latency::Reading::default();
            while let Some(bytes) = events.chunk().await {
                reading.take(&bytes, &heard);
            }
        });
        Self { name, task: task.abort_handle() }
    }

    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An agent that opens a stream and never reads from it, with little room for what it is sent.
pub(crate) struct Quiet {
    name: String,
    _socket: TcpStream,
}

impl Quiet {
    pub(crate) async fn open(proxy: &Proxy, number: usize) -> Self {
        let (name, ask) = listen(proxy, "quiet", number).await;
        let mut socket = narrow(proxy.agent().address().parse().unwrap());
        socket.write_all(ask.to_text().as_bytes()).await.unwrap();
        Self { name, _socket: socket }
    }

    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }
}

/// A connection that holds little: neither side's system has room for more than some ten kilobytes. Without small
/// segments the proxy's side would hold megabytes, which is nothing that waits in the proxy.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

/// The request that opens a stream, and the name by which the relay knows it; one in five is modern.
async fn listen(proxy: &Proxy, kind: &str, number: usize) -> (String, Ask) {
    let agent: Agent = proxy.agent().another();
    if number % 5 == 4 {
        let id = json!(format!("{kind}-{number}"));
        let filter = json!({ "notifications": { "toolsListChanged": true } });
        return (id.to_string(), agent.modern().request_with_id(&id, "subscriptions/listen", &filter));
    }
    agent.greet().await;
    (agent.session().unwrap(), agent.stream())
}
