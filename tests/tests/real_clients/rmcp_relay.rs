//! An rmcp server as the relay, with sessions that a restart forgets.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use relay_mcp_tests::relay::port;
use relay_mcp_tests::wait::{until, until_async};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// What the relay offers, in its order.
pub(crate) const TOOLS: [&str; 3] = ["relay_reply", "relay_list_messages", "relay_workspace_status"];

/// Which eras it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eras {
    Legacy,
    Both,
}

/// The relay; what it applied outlives its restarts.
pub(crate) struct RmcpRelay {
    port: u16,
    eras: Eras,
    applied: Applied,
    serving: Mutex<Option<AbortHandle>>,
}

/// Key → text, and the order.
type Applied = Arc<Mutex<(BTreeMap<String, String>, Vec<String>)>>;

impl RmcpRelay {
    pub(crate) async fn start(eras: Eras) -> Self {
        let listener = port::listen_anywhere().await;
        let port = listener.local_addr().unwrap().port();
        let relay = Self { port, eras, applied: Applied::default(), serving: Mutex::default() };
        relay.serve(listener);
        relay
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The texts that were applied, each key once.
    pub(crate) fn applied(&self) -> Vec<String> {
        self.applied.lock().unwrap().1.clone()
    }

    /// Dies; its sessions die with it.
    pub(crate) async fn stop(&self) {
        if let Some(serving) = self.serving.lock().unwrap().take() {
            serving.abort();
        }
        let address = ("127.0.0.1", self.port);
        let gone = async || TcpStream::connect(address).await.is_err().then_some(());
        until_async("the rmcp relay is gone", gone).await;
    }

    /// Comes back, and knows no session.
    pub(crate) async fn start_again(&self) {
        let listener = until("the relay's port is free", || port::listen(self.port)).await;
        self.serve(listener);
    }

    fn serve(&self, listener: TcpListener) {
        let handler = Handler { eras: self.eras, applied: self.applied.clone() };
        let service: StreamableHttpService<Handler, LocalSessionManager> = StreamableHttpService::new(
            move || Ok(handler.clone()),
            Arc::default(),
            StreamableHttpServerConfig::default().with_legacy_session_mode(true),
        );
        *self.serving.lock().unwrap() = Some(tokio::spawn(accept_all(listener, service)).abort_handle());
    }
}

async fn accept_all(listener: TcpListener, service: StreamableHttpService<Handler, LocalSessionManager>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        connections.spawn(async move {
            let answer = service_fn(move |request| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(service.handle(request).await) }
            });
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await
                .ok();
        });
    }
}

#[derive(Clone)]
struct Handler {
    eras: Eras,
    applied: Applied,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("rmcp-relay", "1"))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        match self.eras {
            Eras::Legacy => Cow::Borrowed(&[ProtocolVersion::V_2025_11_25]),
            Eras::Both => Cow::Borrowed(&[ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25]),
        }
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object"}).as_object().unwrap().clone();
        let tools = TOOLS.map(|name| Tool::new(name, name, Arc::new(schema.clone())));
        Ok(ListToolsResult::with_all_items(tools.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let string = |name: &str| arguments.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        if request.name == "relay_reply" {
            let (key, text) = (string("idempotencyKey").expect("a key"), string("text").unwrap_or_default());
            let mut applied = self.applied.lock().unwrap();
            if applied.0.insert(key, text.clone()).is_none() {
                applied.1.push(text);
            }
        }
        Ok(CallToolResult::structured(json!({"tool": request.name, "by": "rmcp"})).into())
    }
}
