//! After a day's work there is neither the relay's token nor the agent's secret nor the runner's in the memory of the
//! component, not even in what it has given back: they were never in there (B-9.6).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod memory;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use relay_mcp_core::Command;
use relay_mcp_host_native::config::{Environment, ServeArgs, resolve};
use relay_mcp_host_native::engine::{CannotOpen, Engine};
use relay_mcp_host_native::handle::Handle;
use relay_mcp_host_native::sidecar::Sidecar;
use relay_mcp_host_wasm::{Cache, ComponentMachine, Limits, Sandbox};
use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::proxy::Control;
use relay_mcp_tests::relay::{Relay, Speaks};
use relay_mcp_tests::wait::{until_async, within};
use serde_json::json;

const HOURS: usize = 24;
/// Rounds of about ten requests.
const ROUNDS: usize = 12;

fn engine() -> Engine<ComponentMachine> {
    let component =
        relay_mcp_artifact::COMPONENT.unwrap_or_else(|why_not| panic!("there is no component: {why_not}"));
    let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
    let sandbox = Sandbox::new(component, Limits::default(), &cache).unwrap();
    Engine::new("component", move |config, seed, now, records| {
        sandbox.open(&config, seed, now, records).map_err(|fault| CannotOpen::Engine(fault.to_string()))
    })
}

/// How every secret of this test begins, so that one search finds any of them.
const HUSH: &str = "hush-";
const SECRET: &str = "hush-the-secret-of-the-agent-5f2c9a01";
const CONTROL_SECRET: &str = "hush-the-secret-of-the-runner-77d0c4be";

/// The token of an hour.
fn token(hour: usize) -> String {
    format!("hush-the-token-of-hour-{hour}")
}

/// A day at the relay, with what an agent and its runner do all day.
struct Day {
    relay: Relay,
    agent: Agent,
    control: Control,
    handle: Handle,
    token_file: PathBuf,
    requests: usize,
    /// How often there was a trace of what had passed through.
    traces: usize,
}

impl Day {
    async fn hour(&mut self, hour: usize) {
        self.rotate(hour).await;
        let modern = self.agent.modern();
        let legacy = self.agent.another();
        legacy.greet().await;
        modern.discover().await;
        for round in 0..ROUNDS {
            legacy.menu().await;
            modern.menu().await;
            legacy.tools_call("relay_list_messages", "{}").await;
            legacy.tools_call("relay_reply", r#"{"text":"x"}"#).await;
            modern.tools_call("relay_send_message", r#"{"text":"x"}"#).await;
            legacy.notify("notifications/roots/list_changed").await;
            self.control.status().await;
            // A stranger's guess, and a credential of the agent's own.
            legacy.another().ask("POST").set("authorization", "Bearer hush-the-guess").send().await;
            legacy.request("x/y", &json!({})).header("cookie", "a=hush-the-cookie").send().await;
            let canary = format!("the-canary-of-{hour}-{round}");
            legacy.call("x/z", json!({"text": canary})).await;
            self.requests += 10;
            self.traces += usize::from(look(&canary));
        }
        let stream = legacy.listen().await;
        self.control.isolated_worktree(hour.is_multiple_of(2)).await;
        self.control.refresh().await;
        self.control.outbox().await;
        drop(stream);
        if hour % 6 == 3 {
            self.outage(&legacy).await;
        }
        legacy.ask("DELETE").send().await;
    }

    /// The relay wants another token; the runner writes it a while later, or hands it in.
    async fn rotate(&self, hour: usize) {
        self.relay.require_token(Some(&token(hour)));
        let refused = self.agent.call("x/y", json!({})).await;
        assert_ne!(refused.status, 401, "{}", refused.text());
        self.agent.tools_call("relay_reply", r#"{"text":"refused"}"#).await;
        write(&self.token_file, &token(hour));
        self.handle.ask(Command::TokenChanged).await.unwrap();
    }

    async fn outage(&self, agent: &Agent) {
        self.relay.stop().await;
        for n in 0..20 {
            let arguments = json!({"text": format!("waiting {n}")}).to_string();
            agent.tools_call("relay_reply", &arguments).await.result();
        }
        self.relay.start_again().await;
        let is_empty = async || {
            let status = self.control.status().await;
            (status["outbox"]["depth"] == 0).then_some(())
        };
        until_async("all is delivered", is_empty).await;
    }
}

/// No secret is in the memory; the name of the agent is, which the session remembers, so this is where to look. Whether
/// there is a trace of what passed through just now: what is given back is there until something else takes its place.
fn look(passed: &str) -> bool {
    let memory = memory::of_the_component();
    assert!(memory::holds(&memory, "plain-agent"), "the name of the agent is not in {} bytes", memory.len());
    assert!(!memory::holds(&memory, HUSH), "a secret is in there beside {passed}");
    memory::holds(&memory, passed)
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn neither_token_nor_secret_is_ever_in_its_memory() {
    let relay = Relay::that().speaks(Speaks::Both).keeps_sessions().streams().start().await;
    let directory = tempfile::tempdir().unwrap();
    let [token_file, secret_file] = ["token", "secret"].map(|name| directory.path().join(name));
    let data = directory.path().join("data");
    fs::create_dir(&data).unwrap();
    write(&token_file, &token(0));
    write(&secret_file, SECRET);
    write(&data.join("control-secret"), CONTROL_SECRET);
    let args = ServeArgs {
        relay_url: Some(relay.origin()),
        data_dir: Some(data.clone()),
        token_file: Some(token_file.clone()),
        secret_file: Some(secret_file),
        control: Some("127.0.0.1:0".into()),
        ..ServeArgs::default()
    };
    let settings = resolve(&args, &Environment::default()).unwrap().settings;
    let sidecar = Sidecar::start(settings, &engine()).await.unwrap();
    let ready = sidecar.ready().clone();
    let handle = sidecar.handle().clone();
    let running = tokio::spawn(sidecar.run());

    let control = Control::new(ready.control.as_ref().unwrap(), data);
    assert_eq!(control.secret(), CONTROL_SECRET);
    let agent = Agent::of(&ready.url, Some(SECRET));
    let mut day = Day { relay, agent, control, handle, token_file, requests: 0, traces: 0 };
    for hour in 0..HOURS {
        day.hour(hour).await;
    }
    let used: Vec<_> = (0..HOURS).map(token).collect();
    let sent: Vec<_> =
        day.relay.requests().iter().filter_map(|request| request.token().map(str::to_owned)).collect();
    assert!(used.iter().all(|token| sent.contains(token)), "every token was in use");
    assert!(day.requests >= 2000, "{} requests are no day", day.requests);
    assert!(
        day.traces > HOURS * ROUNDS / 2,
        "what passes through leaves traces: {} of {}",
        day.traces,
        HOURS * ROUNDS
    );
    day.handle.shut_down();
    within("the end", running).await.unwrap().unwrap();
}
