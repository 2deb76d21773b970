//! An rmcp server as the relay, with sessions that a restart forgets.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use relay_mcp_tests::relay::port;
use relay_mcp_tests::wait::{until, until_async};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
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
    writes: Arc<Mutex<Writes>>,
    breaks_its_schema: Arc<AtomicBool>,
    serving: Mutex<Option<AbortHandle>>,
}

/// The writes that came, each key applied once.
#[derive(Debug, Default)]
struct Writes {
    keys: BTreeSet<String>,
    applied: Vec<String>,
    repeated: Vec<String>,
}

impl RmcpRelay {
    pub(crate) async fn start(eras: Eras) -> Self {
        let listener = port::listen_anywhere().await;
        let port = listener.local_addr().unwrap().port();
        let relay = Self {
            port,
            eras,
            writes: Arc::default(),
            breaks_its_schema: Arc::default(),
            serving: Mutex::default(),
        };
        relay.serve(listener);
        relay
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The texts that were applied, each key once.
    pub(crate) fn applied(&self) -> Vec<String> {
        self.writes.lock().unwrap().applied.clone()
    }

    /// The texts that came once more under their keys.
    pub(crate) fn repeated(&self) -> Vec<String> {
        self.writes.lock().unwrap().repeated.clone()
    }

    /// Whether `relay_reply` applies nothing, and answers with what its `outputSchema` forbids.
    pub(crate) fn breaks_its_schema(&self, breaks: bool) {
        self.breaks_its_schema.store(breaks, Ordering::SeqCst);
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
        let handler = Handler {
            eras: self.eras,
            writes: self.writes.clone(),
            breaks_its_schema: self.breaks_its_schema.clone(),
        };
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
    writes: Arc<Mutex<Writes>>,
    breaks_its_schema: Arc<AtomicBool>,
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
        let input = object(json!({"type": "object"}));
        let output = object(json!({
            "type": "object",
            "properties": {"tool": {"type": "string"}, "by": {"type": "string"}},
            "required": ["tool", "by"],
            "additionalProperties": false,
        }));
        let tool = |name| Tool::new(name, name, input.clone()).with_raw_output_schema(output.clone());
        Ok(ListToolsResult::with_all_items(TOOLS.map(tool).to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name == "relay_reply" {
            if self.breaks_its_schema.load(Ordering::SeqCst) {
                return Ok(CallToolResult::structured(json!({"tool": request.name})).into());
            }
            self.apply(&request.arguments.clone().unwrap_or_default());
        } else {
            tell_progress(&context).await;
        }
        Ok(CallToolResult::structured(json!({"tool": request.name, "by": "rmcp"})).into())
    }
}

impl Handler {
    fn apply(&self, arguments: &JsonObject) {
        let string = |name: &str| arguments.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let (key, text) = (string("idempotencyKey").expect("a key"), string("text").unwrap_or_default());
        let mut writes = self.writes.lock().unwrap();
        if writes.keys.insert(key) {
            writes.applied.push(text);
        } else {
            writes.repeated.push(text);
        }
    }
}

/// One step, and another, for a client that wants to know.
async fn tell_progress(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return };
    for step in [1.0, 2.0] {
        let progress = ProgressNotificationParam::new(token.clone(), step);
        context.peer.notify_progress(progress).await.expect("progress is told");
    }
}

fn object(value: Value) -> Arc<JsonObject> {
    Arc::new(value.as_object().expect("an object").clone())
}
