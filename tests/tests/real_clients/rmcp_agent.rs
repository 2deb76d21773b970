//! An rmcp client as the agent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::wait::{until_true, within};
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::Value;

/// Counts how often it is told that the menu has changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<AtomicUsize>);

impl ClientHandler for Told {
    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A connected client.
pub(crate) struct RmcpAgent {
    pub(crate) client: RunningService<RoleClient, Told>,
    told: Told,
}

impl RmcpAgent {
    /// Connects, in the way of `initialize`.
    pub(crate) async fn legacy(proxy: &Proxy) -> Self {
        Self::connect(proxy, ClientLifecycleMode::Initialize).await
    }

    /// Connects, with `server/discover` first.
    pub(crate) async fn auto(proxy: &Proxy) -> Self {
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        };
        Self::connect(proxy, lifecycle).await
    }

    /// Connects to a relay, with no proxy between them.
    pub(crate) async fn directly(url: &str) -> Self {
        Self::connect_to(url, "any", ClientLifecycleMode::Initialize).await
    }

    async fn connect(proxy: &Proxy, lifecycle: ClientLifecycleMode) -> Self {
        Self::connect_to(&proxy.ready().url, proxy.secret(), lifecycle).await
    }

    async fn connect_to(url: &str, secret: &str, lifecycle: ClientLifecycleMode) -> Self {
        let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(secret);
        let told = Told::default();
        let transport = StreamableHttpClientTransport::from_config(config);
        let client = within("rmcp to connect", told.clone().serve_with_lifecycle(transport, lifecycle)).await;
        Self { client: client.expect("rmcp connects"), told }
    }

    /// The names in the menu.
    pub(crate) async fn menu(&self) -> Vec<String> {
        let tools = within("rmcp's tools/list", self.client.list_all_tools()).await.expect("a menu");
        tools.into_iter().map(|tool| tool.name.into_owned()).collect()
    }

    /// The `structuredContent` of a call.
    pub(crate) async fn call(&self, tool: &'static str, arguments: Value) -> Value {
        let arguments = arguments.as_object().expect("an object").clone();
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = within("rmcp's tools/call", self.client.call_tool(params)).await.expect("a result");
        result.structured_content.expect("structured content")
    }

    /// Waits until it was told of a changed menu so often.
    pub(crate) async fn is_told(&self, times: usize) {
        until_true("rmcp is told", || self.told.0.load(Ordering::SeqCst) >= times).await;
    }
}
