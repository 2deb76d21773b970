//! A component that was built for a system with WASI is let in, and finds a system with nothing in it. What WASI could
//! wait for, it does not get: the sidecar would wait with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::OnceLock;
use std::time::Duration;

use relay_mcp_core::{Action, AgentRequest, Config, ExchangeId, Input, Machine, Method, Timestamp};
use relay_mcp_host_wasm::{Cache, Fault, Limits, Sandbox};

const NOW: Timestamp = Timestamp(1000);

fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
        let limits = Limits { step: Duration::from_secs(1), memory: 64 << 20, ..Limits::default() };
        Sandbox::new(relay_mcp_hostile::ON_WASI, limits, &cache).expect("WASI may be imported")
    })
}

fn run(script: &str) -> Result<Vec<Action>, Fault> {
    let mut machine = sandbox().open(&Config::default(), [0; 32], NOW, Vec::new())?;
    let body = script.to_owned().into_bytes().into();
    let request = AgentRequest { method: Method::Post, query: None, headers: Vec::new(), body };
    machine.step(NOW, vec![Input::Request { exchange: ExchangeId(7), request }])
}

/// What the component found, as its answer.
fn found(what: &str) -> String {
    match run(&format!("wasi {what}")).unwrap_or_else(|fault| panic!("{what}: {fault}")).as_slice() {
        [Action::Answer { body, .. }] => String::from_utf8(body.to_vec()).unwrap(),
        other => panic!("{what}: {other:?}"),
    }
}

fn fault(script: &str) -> String {
    run(script).map(|actions| format!("{actions:?}")).expect_err(script).to_string()
}

/// Everything once as the sidecar does it, on the thread of an event loop, and once without one.
fn either_way(check: impl Fn()) {
    check();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { check() });
}

#[test]
fn the_component_works_and_its_world_is_empty() {
    assert!(
        std::env::vars().count() > 0 && std::env::args().count() > 0,
        "there is something to be seen here"
    );
    either_way(|| {
        for (what, there_is) in [
            ("environment", "0 variables"),
            ("arguments", "0 arguments"),
            ("directories", "0 directories"),
            ("socket", "no socket: access-denied"),
            ("clock", "true"),
            ("random", "32 bytes"),
            ("print", "printed"),
            ("yield", "yielded"),
        ] {
            assert_eq!(found(what), there_is, "{what}");
        }
    });
}

#[test]
fn what_would_wait_exit_or_hoard_is_a_fault() {
    either_way(|| {
        for (what, sentence) in [
            ("wait", "it waits for something"),
            ("exit", "exit"),
            ("much-random", ""),
            ("hoard", "resource table has no free keys"),
        ] {
            let fault = fault(&format!("wasi {what}"));
            assert!(
                fault.starts_with("the component failed: ") && fault.contains(sentence),
                "{what}: {fault}"
            );
        }
    });
}

#[test]
fn its_limits_and_rules_are_those_of_any_other() {
    either_way(|| {
        assert!(run("answer x 200").is_ok());
        for (script, sentence) in [
            ("answer x 200\nanswer x 200", "`answer` speaks of exchange 7"),
            ("loop", "took longer than it may"),
            ("grow", "memory"),
            ("recurse", "call stack exhausted"),
            ("trap", "unreachable"),
        ] {
            let fault = fault(script);
            assert!(fault.contains(sentence), "{script}: {fault}");
        }
    });
}
