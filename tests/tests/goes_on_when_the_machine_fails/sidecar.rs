//! A sidecar in this process, whatever runs its core.

use std::path::Path;

use relay_mcp_core::Machine;
use relay_mcp_host_native::config::{Environment, ServeArgs, resolve};
use relay_mcp_host_native::engine::Engine;
use relay_mcp_host_native::handle::Handle;
use relay_mcp_host_native::sidecar::{RunError, Sidecar};
use relay_mcp_tests::agent::{Agent, Answer};
use relay_mcp_tests::proxy::Control;
use relay_mcp_tests::wait::{until_async, within};
use serde_json::Value;
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::task::JoinHandle;

use crate::engines::poison;

/// Held by whoever measures this process, so that no other test runs beside it.
pub(crate) static MEASURED: RwLock<()> = RwLock::const_new(());

/// Runs until it is dropped with its directory.
pub(crate) struct Running {
    pub(crate) agent: Agent,
    pub(crate) handle: Handle,
    pub(crate) control: Control,
    pub(crate) ended: JoinHandle<Result<(), RunError>>,
    _directory: tempfile::TempDir,
    _turn: Option<RwLockReadGuard<'static, ()>>,
}

/// Starts one beside others.
pub(crate) async fn start<M: Machine + Send + 'static>(relay: &str, engine: Engine<M>) -> Running {
    let turn = MEASURED.read().await;
    Running { _turn: Some(turn), ..start_alone(relay, engine).await }
}

/// Starts one. Whoever holds [`MEASURED`] may.
pub(crate) async fn start_alone<M: Machine + Send + 'static>(relay: &str, engine: Engine<M>) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::start(settings(relay, directory.path()), &engine).await.unwrap();
    let ready = sidecar.ready().clone();
    let secret = std::fs::read_to_string(ready.secret_file.as_ref().unwrap()).unwrap();
    Running {
        agent: Agent::of(&ready.url, Some(secret.trim())),
        handle: sidecar.handle().clone(),
        control: Control::new(ready.control.as_ref().unwrap(), directory.path().into()),
        ended: tokio::spawn(sidecar.run()),
        _directory: directory,
        _turn: None,
    }
}

fn settings(relay: &str, directory: &Path) -> relay_mcp_host_native::settings::Settings {
    let args =
        ServeArgs { relay_url: Some(relay.into()), data_dir: Some(directory.into()), ..ServeArgs::default() };
    let mut settings = resolve(&args, &Environment::default()).unwrap().settings;
    settings.http.max_body_bytes = 2 * poison().len();
    settings
}

impl Running {
    /// Has the machine fail over a request, and gives the answer to that.
    pub(crate) async fn fail(&self) -> Answer {
        self.agent.post(poison()).send().await
    }

    /// A figure of the metrics.
    pub(crate) async fn figure(&self, name: &str) -> f64 {
        let page = self.control.metrics().await;
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("relay_mcp_proxy_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
    }

    /// Waits until so many writes are queued.
    pub(crate) async fn depth_is(&self, depth: usize) {
        let reached = async || (self.depth().await? == depth).then_some(());
        until_async(&format!("the outbox holds {depth}"), reached).await;
    }

    /// How many writes are queued, where there is a machine to tell.
    pub(crate) async fn depth(&self) -> Option<usize> {
        let answer = self.control.ask("GET", "/v1/status", None).await;
        let depth = answer.json()["outbox"]["depth"].as_u64()?;
        usize::try_from(depth).ok()
    }

    /// Shuts it down, which must go well.
    pub(crate) async fn end(self) {
        self.handle.shut_down();
        within("the sidecar's end", self.ended).await.unwrap().unwrap();
    }
}

/// What an answer says of a failure: its id, and whether the request was delivered.
pub(crate) fn failure(answer: &Answer) -> (Value, String) {
    let body = answer.json();
    assert_eq!((answer.status, &body["error"]["code"]), (200, &(-32603).into()), "{body}");
    let delivered = body["error"]["data"]["delivered"].as_str();
    (body["id"].clone(), delivered.unwrap_or_else(|| panic!("{body}")).to_owned())
}
