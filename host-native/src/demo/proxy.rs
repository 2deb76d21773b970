//! The proxy under show: `serve` as a process, and the runner's side of it.

use std::process::Command;

use http::Method;
use serde_json::{Value, json};

use super::process::Process;
use super::stage::Stage;
use super::trouble::{Expecting, Trouble, check};
use crate::control::Client;
use crate::settings::ControlAddress;

/// A proxy that runs.
pub(super) struct Proxy {
    process: Process,
    url: String,
    control: Client,
}

impl Proxy {
    /// Starts it as any runner would. `isolated`: whether the agent has a worktree of its own.
    pub(super) async fn start(stage: &Stage, isolated: bool) -> Result<Self, Trouble> {
        let mut serve = Command::new(stage.program());
        serve.args(["serve", "--relay-url", &format!("http://{}", stage.relay.address())]);
        serve.args(["--listen", &stage.proxy.address().to_string()]);
        serve.arg("--data-dir").arg(stage.data().directory());
        serve.arg("--token-file").arg(stage.relay_token());
        serve.arg(format!("--isolated-worktree={isolated}"));
        let (process, ready) = Process::start("the proxy", &mut serve, &stage.log("proxy")).await?;
        let url = format!("http://{}/mcp", stage.proxy.address());
        check("the proxy's URL", ready["url"].as_str().unwrap_or_default(), &url)?;
        let socket = ControlAddress::Unix(stage.data().control_socket_path());
        let control = Client::new(socket, None).expecting("a control socket")?;
        Ok(Self { process, url, control })
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where the agent finds it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// `GET /v1/status`.
    pub(super) async fn status(&self) -> Result<Value, Trouble> {
        self.ask(Method::GET, "/v1/status", None).await
    }

    /// The keys of the writes that wait, oldest first.
    pub(super) async fn queued(&self) -> Result<Vec<String>, Trouble> {
        let outbox = self.ask(Method::GET, "/v1/outbox", None).await?;
        keys(&outbox)
    }

    /// Says whether the agent has a worktree of its own.
    pub(super) async fn set_isolated(&self, isolated: bool) -> Result<(), Trouble> {
        let flags = json!({ "isolatedWorktree": isolated });
        let answer = self.ask(Method::PUT, "/v1/context", Some(&flags)).await?;
        check("the context", &answer["context"], &flags)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        let expected = format!("an answer to {method} {path} on the control socket");
        let answer = self.control.send(method, path, body).await.expecting(&expected)?;
        check(&expected, answer.status.as_u16(), 200)?;
        serde_json::from_slice(&answer.body).expecting(&expected)
    }

    /// SIGKILL.
    pub(super) fn kill(self) -> Result<u32, Trouble> {
        self.process.kill()
    }

    /// Lets it live on.
    pub(super) fn stay(self) {
        self.process.stay();
    }
}

/// The keys in an answer of `/v1/outbox`; all must be waiting.
pub(super) fn keys(outbox: &Value) -> Result<Vec<String>, Trouble> {
    let entries = outbox["entries"].as_array().expecting("a list of writes")?;
    let key = |entry: &Value| {
        check("the state of a write", &entry["state"], &json!("queued"))?;
        entry["key"].as_str().map(str::to_owned).expecting("a key")
    };
    entries.iter().map(key).collect()
}
