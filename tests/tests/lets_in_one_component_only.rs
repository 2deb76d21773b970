//! The sandbox lets in a component that offers the machine and asks for nothing, and no other; what it compiled
//! is believed only when nobody else can have written it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relay_mcp_core::{AgentRequest, Config, ExchangeId, Input, Machine, Method, Timestamp};
use relay_mcp_host_native::config::{ServeArgs, resolve};
use relay_mcp_host_wasm::{Cache, Fault, Limits, Refusal, Sandbox};

fn component() -> &'static [u8] {
    relay_mcp_artifact::COMPONENT.unwrap_or_else(|why_not| panic!("there is no component: {why_not}"))
}

fn let_in(component: &[u8], cache: &Path) -> Result<Sandbox, Refusal> {
    Sandbox::new(component, Limits::default(), &Cache::in_directory(cache.into()))
}

fn refusal(text: &str) -> String {
    let cache = tempfile::tempdir().unwrap();
    match let_in(&wat::parse_str(text).unwrap(), cache.path()) {
        Ok(_) => panic!("it is let in: {text}"),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn what_is_no_component_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    for bytes in [&b""[..], b"\0asm", b"#!/bin/sh", &component()[..component().len() / 2]] {
        let refused = let_in(bytes, cache.path()).err().expect("refused").to_string();
        assert!(refused.starts_with("this is no component that can be run"), "{refused}");
    }
    assert!(refusal("(module)").starts_with("this is no component that can be run"));
}

#[test]
fn a_component_that_is_not_the_machine_is_refused() {
    let refused = refusal("(component)");
    assert!(refused.starts_with("the component does not fit relay:mcp-proxy@0.1.0"), "{refused}");
}

#[test]
fn a_component_that_asks_for_anything_is_refused() {
    for asked in [
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:cli/more@0.2.0",
        "wasi:cli/environment@0.2.0",
        "relay:secrets/token",
    ] {
        let refused = refusal(&format!(
            r#"(component (import "{asked}" (instance (export "get" (func (result string))))))"#
        ));
        let is_refused =
            ["the component does not fit", "the component asks for"].iter().any(|s| refused.starts_with(s));
        assert!(is_refused && refused.contains(asked), "it says what was asked for: {refused}");
    }
}

#[test]
fn the_core_asks_for_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let sandbox = let_in(component(), cache.path()).unwrap();
    sandbox.open(&Config::default(), [0; 32], Timestamp(1), Vec::new()).unwrap();
}

/// Whoever embeds the machine carries it along.
#[test]
fn the_core_is_small() {
    let size = component().len();
    assert!(size < 300 << 10, "the component has {size} bytes");
}

/// Opens a machine that may use so much, and gives it a large message to read.
fn used_within(limits: Limits) -> Result<(), Fault> {
    let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
    let sandbox = Sandbox::new(component(), limits, &cache).unwrap();
    let mut machine = sandbox.open(&Config::default(), [0; 32], Timestamp(1), Vec::new())?;
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"x":"{}"}}}}"#, "x".repeat(4 << 20));
    let request = AgentRequest { method: Method::Post, query: None, headers: Vec::new(), body: body.into() };
    machine.step(Timestamp(2), vec![Input::Request { exchange: ExchangeId(1), request }])?;
    Ok(())
}

#[test]
fn a_step_that_takes_too_long_or_wants_too_much_memory_is_a_fault() {
    used_within(Limits::default()).unwrap();
    let fault = |limits| match used_within(limits) {
        Ok(()) => None,
        Err(fault @ Fault::Trap(_)) => Some(fault),
        Err(fault) => panic!("{limits:?}: {fault}"),
    };
    for memory in [1 << 16, 4 << 20] {
        assert!(fault(Limits { memory, ..Limits::default() }).is_some(), "{memory} bytes are not enough");
    }
    // On a busy machine the watch, a thread, may come too late for one that is so short.
    let step = Duration::from_nanos(1);
    assert!(
        (0..500).any(|_| fault(Limits { step, ..Limits::default() }).is_some()),
        "a nanosecond is not enough"
    );
}

/// B-11: options like all others; what is not given ships.
#[test]
fn the_limits_are_settings() {
    let told = ServeArgs {
        relay_url: Some("http://127.0.0.1:1".into()),
        data_dir: Some("/d".into()),
        component_step_time: Some("50ms".into()),
        component_memory: Some("1MiB".into()),
        ..ServeArgs::default()
    };
    let environment = [("RELAY_MCP_PROXY_COMPONENT_INSTANCES".to_owned(), "7")].into_iter().collect();
    let limits = Limits::of(&resolve(&told, &environment).unwrap().component);
    let ships = Limits::default();
    assert_eq!((limits.step, limits.memory, limits.instances), (Duration::from_millis(50), 1 << 20, 7));
    assert_eq!(limits.table_elements, ships.table_elements);
    assert!(used_within(limits).is_err(), "a message of 4 MiB does not fit into 1 MiB");
}

/// The one file of a cache.
fn compiled(cache: &Path) -> PathBuf {
    let mut files = fs::read_dir(cache).unwrap().map(|file| file.unwrap().path());
    let file = files.next().expect("it is kept");
    assert_eq!(files.next(), None);
    file
}

#[test]
fn compiled_code_is_kept_and_believed_only_as_it_was_written() {
    let base = tempfile::tempdir().unwrap();
    let cache = base.path().join("compiled");
    let_in(component(), &cache).unwrap();
    let file = compiled(&cache);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&cache)), (0o600, 0o700));
    let good = fs::read(&file).unwrap();

    // What another could have written is written anew.
    let written = || fs::metadata(&file).unwrap().modified().unwrap();
    let first = written();
    let_in(component(), &cache).unwrap();
    assert_eq!(written(), first, "it is taken as it is");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let_in(component(), &cache).unwrap();
    assert_ne!(written(), first, "it is compiled anew");
    assert_eq!(mode(&file), 0o600);

    // What is damaged too.
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&file, &bad).unwrap();
    let_in(component(), &cache).unwrap();
    assert_eq!(fs::read(&file).unwrap().len(), good.len());
    assert_ne!(fs::read(&file).unwrap(), bad);

    // A link is not followed.
    let elsewhere = base.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    let_in(component(), &cache).unwrap();
    assert!(!fs::symlink_metadata(&file).unwrap().is_symlink(), "it is written anew");
}
