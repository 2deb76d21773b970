//! The control API: the runner's side as HTTP, on a listener that the agent's secret does not open (B-8.1,
//! B-10).
//!
//! It knows the proxy only through its [`Handle`](crate::handle::Handle) and its
//! [`Metrics`](crate::telemetry::Metrics).

mod answer;
mod api;
mod body;
mod client;
mod error;
mod guard;
mod listener;
mod percent;
mod problem;
mod report;
mod route;
mod secret;
mod server;
mod socket;
#[cfg(test)]
pub(crate) mod tests;

pub use client::{Answer, Client, ClientError};
pub use error::ControlError;
pub use report::Info;
pub use secret::{ControlSecret, ENVIRONMENT, FILE_NAME, SecretError};
pub use server::Control;
#[doc(hidden)]
pub use server::converse;

use crate::settings::ControlAddress;

/// The name of the control socket in the data directory, where nothing else is asked for.
pub const SOCKET_NAME: &str = "control.sock";

/// The address as a person writes it: `unix:/path` or `127.0.0.1:4321`; `None` where there is no listener.
#[must_use]
pub fn address_text(address: &ControlAddress) -> Option<String> {
    match address {
        ControlAddress::Unix(path) => Some(format!("unix:{}", path.display())),
        ControlAddress::Tcp(address) => Some(address.to_string()),
        ControlAddress::None => None,
    }
}
