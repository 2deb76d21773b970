//! Which proxy a command speaks to.

use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::error::CommandError;
use crate::control::{Client, ControlSecret, SOCKET_NAME};
use crate::settings::ControlAddress;

/// Which proxy a command speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that listens here (`--control`).
    Control {
        /// Its control address.
        address: ControlAddress,
        /// Its data directory, where the secret of a TCP address is read when the environment has none.
        data_dir: Option<PathBuf>,
    },
    /// The one that holds this data directory and has its socket there (`--data-dir`).
    DataDir(PathBuf),
}

impl Target {
    /// A client of the proxy; nobody is connected to yet.
    ///
    /// # Errors
    /// When the address is none, or when the secret that it needs is missing.
    pub fn client(&self) -> Result<Client, CommandError> {
        match self {
            Self::DataDir(dir) => Ok(Client::new(ControlAddress::Unix(dir.join(SOCKET_NAME)), None)?),
            Self::Control { address: address @ ControlAddress::Tcp(_), data_dir } => {
                let secret = ControlSecret::find(data_dir.as_deref())?;
                Ok(Client::new(address.clone(), Some(&secret))?)
            }
            Self::Control { address: address @ (ControlAddress::Unix(_) | ControlAddress::None), .. } => {
                Ok(Client::new(address.clone(), None)?)
            }
        }
    }
}

/// Asks, and gives the body of an answer that is no refusal.
pub(super) async fn ask(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Bytes, CommandError> {
    let answer = client.send(method, path, body).await?;
    if answer.status.is_success() { Ok(answer.body) } else { Err(CommandError::refused(&answer)) }
}
