//! An rmcp client as the agent.

use std::sync::{Arc, Mutex};

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::wait::{until, within};
use rmcp::model::{CallToolRequestParams, ProgressNotificationParam, ProtocolVersion, SubscriptionFilter};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::Value;

use crate::agent::{Agent, Called};

/// What it was told, outside of answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    changes: usize,
    progress: Vec<f64>,
}

impl ClientHandler for Told {
    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.0.lock().unwrap().changes += 1;
    }

    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.lock().unwrap().progress.push(progress.progress);
    }
}

/// A connected client.
pub(crate) struct RmcpAgent {
    client: RunningService<RoleClient, Told>,
    told: Told,
    version: String,
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
        let client = client.expect("rmcp connects");
        let version = client.peer_info().expect("a hello").protocol_version.to_string();
        let agent = Self { client, told, version };
        if agent.version.as_str() >= "2026-07-28" {
            agent.subscribe().await;
        }
        agent
    }

    /// In the modern era a server tells of changes only where it was asked to.
    async fn subscribe(&self) {
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        let subscription = within("rmcp to subscribe", self.client.listen(filter)).await;
        let (mut subscription, told) = (subscription.expect("a subscription"), self.told.clone());
        tokio::spawn(async move {
            while let Ok(Some(_)) = subscription.next().await {
                told.0.lock().unwrap().changes += 1;
            }
        });
    }
}

impl Agent for RmcpAgent {
    fn version(&self) -> &str {
        &self.version
    }

    /// It does not.
    fn checks_results(&self) -> bool {
        false
    }

    async fn menu(&mut self) -> Vec<Value> {
        let tools = within("rmcp's tools/list", self.client.list_all_tools()).await.expect("a menu");
        tools.iter().map(|tool| serde_json::to_value(tool).unwrap()).collect()
    }

    async fn call(&mut self, tool: &str, arguments: Value, steps: usize) -> Result<Called, String> {
        let arguments = arguments.as_object().expect("an object").clone();
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        self.told.0.lock().unwrap().progress.clear();
        let result = within("rmcp's tools/call", self.client.call_tool(params)).await;
        let result = result.map_err(|error| error.to_string())?;
        let content = result.structured_content.unwrap_or_default();
        let heard = || Some(self.told.0.lock().unwrap().progress.clone());
        let mut progress =
            until("rmcp hears of the progress", || heard().filter(|all| all.len() >= steps)).await;
        // rmcp hears each notification in a task of its own, in no order.
        progress.sort_by(f64::total_cmp);
        Ok(Called { content, progress })
    }

    async fn told(&mut self, times: usize) -> usize {
        let told = || Some(self.told.0.lock().unwrap().changes).filter(|told| *told >= times);
        until("rmcp is told", told).await
    }

    async fn leave(self) {
        within("rmcp's farewell", self.client.cancel()).await.expect("rmcp ends");
    }
}
