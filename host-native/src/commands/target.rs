//! Which proxy a command speaks to.

use std::path::PathBuf;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::error::CommandError;
use crate::control::{Client, ControlSecret};
use crate::settings::ControlAddress;

/// Which proxy a command speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its control address.
    pub address: ControlAddress,
    /// Its data directory, where the secret of a TCP address is read when the environment has none.
    pub data_dir: PathBuf,
}

impl Target {
    /// A client of the proxy; nobody is connected to yet.
    ///
    /// # Errors
    /// When the address is none, or when the secret that it needs is missing.
    pub fn client(&self) -> Result<Client, CommandError> {
        let secret = match &self.address {
            ControlAddress::Tcp(_) => Some(ControlSecret::find(Some(&self.data_dir))?),
            ControlAddress::Unix(_) | ControlAddress::None => None,
        };
        Ok(Client::new(self.address.clone(), secret.as_ref())?)
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
