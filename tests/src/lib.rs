//! What the tests stand on. [`world`] drives the machine itself, in virtual time. The rest is the other side
//! of the real process: an [agent](agent::Agent) that speaks plain
//! HTTP, a [relay](relay::Relay) that does what a test tells it, and the [proxy](proxy::Proxy) between them
//! as the real process.
//!
//! ```no_run
//! # use relay_mcp_tests::{proxy::Proxy, relay::Relay};
//! # async fn story() {
//! let relay = Relay::start().await;
//! let proxy = Proxy::to(&relay).start().await;
//! let agent = proxy.agent();
//! relay.stop().await;
//! let receipt = agent.tools_call("relay_reply", r#"{"text":"hi"}"#).await.result();
//! assert_eq!(receipt["structuredContent"]["queued"], true);
//! # }
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "what tests stand on: a surprise is a failed test"
)]

pub mod agent;
pub mod crash;
pub mod disk;
pub mod http1;
pub mod proxy;
pub mod relay;
pub mod schema;
pub mod seeded;
pub mod simulation;
pub mod trace;
pub mod wait;
pub mod world;
