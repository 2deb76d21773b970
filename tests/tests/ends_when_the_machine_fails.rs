//! An engine that fails, as a component may, takes the sidecar with it, and nothing that was accepted: whoever
//! started it starts it again, and it goes on (OUTBOX G1, G11).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use relay_mcp_core::{Action, Command, Input, Machine, Proxy, Reply, Timestamp, Wakeup};
use relay_mcp_host_native::config::{Environment, ServeArgs, resolve};
use relay_mcp_host_native::engine::{Engine, native};
use relay_mcp_host_native::settings::Settings;
use relay_mcp_host_native::sidecar::Sidecar;
use relay_mcp_tests::agent::Agent;
use relay_mcp_tests::wait::within;

/// The native machine, which fails in the step after so many.
struct Failing {
    proxy: Proxy,
    left: u32,
}

impl Machine for Failing {
    type Fault = &'static str;

    fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Vec<Action>, Self::Fault> {
        self.left = self.left.checked_sub(1).ok_or("a trap")?;
        Ok(inputs.into_iter().flat_map(|input| self.proxy.step(now, input)).collect())
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.proxy.next_wakeup()
    }
}

fn failing(steps: u32) -> Engine<Failing> {
    Engine::new("failing", move |config, seed, now, records| {
        Ok(Failing { proxy: Proxy::open(config, seed, now, records)?, left: steps })
    })
}

/// A relay that is never there.
fn settings(directory: &Path) -> Settings {
    let args = ServeArgs {
        relay_url: Some("http://127.0.0.1:1".into()),
        data_dir: Some(directory.into()),
        control: Some("none".into()),
        ..ServeArgs::default()
    };
    resolve(&args, &Environment::default()).unwrap().settings
}

#[tokio::test]
async fn nothing_accepted_is_lost() {
    for steps in [5, 20, 41] {
        let directory = tempfile::tempdir().unwrap();
        let sidecar = Sidecar::start(settings(directory.path()), &failing(steps)).await.unwrap();
        let ready = sidecar.ready().clone();
        let secret = std::fs::read_to_string(ready.secret_file.as_ref().unwrap()).unwrap();
        let agent = Agent::of(&ready.url, Some(secret.trim()));
        let running = tokio::spawn(sidecar.run());

        let mut accepted = Vec::new();
        while let Ok(answer) = agent.tool("relay_send_message", r#"{"text":"x"}"#).try_send().await {
            let key = answer.result()["structuredContent"]["idempotencyKey"].as_str().unwrap().to_owned();
            accepted.push(key);
        }
        let ended = within("the sidecar to end", running).await.unwrap();
        let sentence = ended.expect_err("it failed").to_string();
        assert!(sentence.contains("a trap") && sentence.contains("start the proxy again"), "{sentence}");

        let sidecar = Sidecar::start(settings(directory.path()), &native()).await.unwrap();
        let handle = sidecar.handle().clone();
        let running = tokio::spawn(sidecar.run());
        let Reply::Outbox(writes) = handle.ask(Command::ListOutbox).await.unwrap() else {
            panic!("the outbox")
        };
        let kept: Vec<_> = writes.into_iter().map(|write| write.key).collect();
        assert!(!accepted.is_empty(), "{steps} steps are enough for a write");
        assert!(accepted.iter().all(|key| kept.contains(key)), "{accepted:?} of {kept:?}");
        handle.shut_down();
        within("the end", running).await.unwrap().unwrap();
    }
}
