//! The test relay as a process: `test-relay --port PORT --journal FILE [--sessions] [--streams] [--both-eras]`.
//! Prints `ready` and since when, in microseconds of Unix time, and runs until it is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test helper: whatever goes wrong in it is a failed test"
)]

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use relay_mcp_tests::relay::{Relay, Speaks};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).unwrap_or_else(|| panic!("{name} is missing")).clone()
    };
    let port = value("--port").parse().expect("a port");
    let journal = PathBuf::from(value("--journal"));
    let is_given = |name: &str| arguments.iter().any(|argument| argument == name);
    let kind = Relay::that().with(|behaviour| {
        behaviour.sessions = is_given("--sessions");
        // No other run gives the same names, so that each forgotten session is seen to be forgotten.
        behaviour.session_names = format!("relay-{}-session-", std::process::id());
        behaviour.stream = is_given("--streams");
        behaviour.speaks = if is_given("--both-eras") { Speaks::Both } else { Speaks::Legacy };
    });
    let _relay = kind.start_with_journal(port, &journal);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
    println!("ready {}", since.as_micros());
    std::future::pending::<()>().await;
}
