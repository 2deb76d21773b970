//! The Inspector's command line: a process, and a connection, for each command.
//!
//! It shows no progress, and is gone before there is news of the menu: of those two nothing can be tested with it.

use std::process::Stdio;

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::wait::within;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::rmcp_relay::{Eras, RmcpRelay, TOOLS};
use crate::scripted::{installed, node};

/// The Inspector, that negotiates in this way: `legacy`, `auto` or `modern`.
struct Inspector<'a> {
    proxy: &'a Proxy,
    era: &'static str,
    /// It keeps what it knows there.
    home: tempfile::TempDir,
}

impl<'a> Inspector<'a> {
    fn new(proxy: &'a Proxy, era: &'static str) -> Self {
        Self { proxy, era, home: tempfile::tempdir().unwrap() }
    }

    async fn menu(&self) -> Vec<Value> {
        let result = self.run(&["--method", "tools/list"]).await.expect("a menu");
        result["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].clone()).collect()
    }

    /// The `structuredContent` of a call; else what it says.
    async fn call(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        let arguments = arguments.to_string();
        let call = ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", &arguments];
        Ok(self.run(&call).await?["structuredContent"].clone())
    }

    /// What it prints, or what it complains of.
    async fn run(&self, arguments: &[&str]) -> Result<Value, String> {
        let packages = installed("RELAY_MCP_INSPECTOR");
        let mut command = Command::new(node());
        command.arg(
            packages.join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"),
        );
        command.args(["--cli", &self.proxy.ready().url, "--transport", "http", "--format", "json"]);
        command.args(["--protocol-era", self.era]);
        command.args(["--header", &format!("Authorization: Bearer {}", self.proxy.secret())]);
        command.args(arguments).env("HOME", self.home.path()).stdin(Stdio::null()).kill_on_drop(true);
        let done = within("the Inspector", command.output()).await.expect("run the Inspector");
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        let printed: Value =
            serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in {printed}"));
        Ok(printed["result"].clone())
    }
}

/// Each command is another agent to the proxy (B-3.1, B-3.2, B-4.1, B-4.4, B-4.5, B-5.4, B-5.8).
async fn works_with(eras: Eras, era: &'static str) {
    let relay = RmcpRelay::start(eras).await;
    let proxy = crate::proxy_of(&relay).await;
    let inspector = Inspector::new(&proxy, era);
    assert_eq!(inspector.menu().await, TOOLS[..2]);
    proxy.control().isolated_worktree(true).await;
    assert_eq!(inspector.menu().await, TOOLS);
    assert_eq!(inspector.call("relay_reply", json!({"text": "before"})).await.unwrap()["by"], "rmcp");
    relay.breaks_its_schema(true);
    let refusal = inspector.call("relay_reply", json!({"text": "odd"})).await.unwrap_err();
    assert!(refusal.contains("must match a schema"), "it checks results: {refusal}");
    relay.breaks_its_schema(false);

    relay.stop().await;
    assert_eq!(inspector.menu().await, TOOLS, "the menu is remembered");
    let receipt = inspector.call("relay_reply", json!({"text": "meanwhile"})).await.expect("a receipt");
    assert_eq!(receipt["queued"], true, "{receipt}");

    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(inspector.call("relay_list_messages", json!({})).await.unwrap()["by"], "rmcp");
    assert_eq!(relay.applied(), ["before", "meanwhile"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lives_with_a_legacy_relay() {
    works_with(Eras::Legacy, "legacy").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lives_with_a_relay_of_both_eras() {
    works_with(Eras::Both, "modern").await;
}
