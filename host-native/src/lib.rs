//! The native host of relay-mcp-proxy: everything that touches the world, and no decision.
//!
//! Read it from the outside in: [`run`] is the program, [`sidecar`] one proxy from start to shutdown, [`server`] the
//! agent's door, [`driver`] feeds the machine of [`relay_mcp_core`] and does what it says, [`relay_client`] speaks to
//! the relay, [`store`] keeps the records, [`control`] listens to the runner. All of it is generic over the engine
//! that runs the core.
//!
//! A runner written in Rust needs no second process:
//!
//! ```no_run
//! # async fn a_runner() -> Result<(), Box<dyn std::error::Error>> {
//! use relay_mcp_core::Command;
//! use relay_mcp_host_native::config::{Environment, ServeArgs, resolve};
//! use relay_mcp_host_native::engine::native;
//! use relay_mcp_host_native::sidecar::Sidecar;
//!
//! let args = ServeArgs { relay_url: Some("https://relay.example".into()), ..ServeArgs::default() };
//! let settings = resolve(&args, &Environment::of_this_process())?.settings;
//! let sidecar = Sidecar::start(settings, &native()).await?;
//! println!("the agent connects to {}", sidecar.ready().url);
//!
//! let runner = sidecar.handle().clone();
//! let running = tokio::spawn(sidecar.run());
//! runner.ask(Command::SetContext(vec![("isolatedWorktree".into(), true)])).await?;
//! runner.rotate_token(Some("the-next-token".into())).await?;
//! runner.shut_down();
//! running.await??;
//! # Ok(())
//! # }
//! ```

mod bell;
pub mod cli;
pub mod client_config;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod demo;
pub mod driver;
pub mod engine;
mod gathered;
pub mod handle;
pub mod headers;
mod open_files;
mod private_file;
pub mod relay_client;
pub mod run;
pub mod secret;
pub mod server;
pub mod settings;
pub mod sidecar;
pub mod store;
pub mod telemetry;
pub mod token;
