//! The test relay as a process: `test-relay --port PORT --journal FILE`. Prints `ready` and runs until it is
//! killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test helper: whatever goes wrong in it is a failed test"
)]

use std::path::PathBuf;

use relay_mcp_tests::relay::Relay;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).unwrap_or_else(|| panic!("{name} is missing")).clone()
    };
    let port = value("--port").parse().expect("a port");
    let journal = PathBuf::from(value("--journal"));
    let _relay = Relay::that().start_with_journal(port, &journal);
    println!("ready");
    std::future::pending::<()>().await;
}
