//! The bearer secret of a TCP control listener, as the command line finds it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The environment variable that holds the control secret.
pub const ENVIRONMENT: &str = "RELAY_MCP_PROXY_CONTROL_SECRET";
/// The file in the data directory that holds the control secret.
pub const FILE_NAME: &str = "control-secret";

/// The control secret, to be presented. Shown nowhere.
#[derive(Clone)]
pub struct ControlSecret(String);

impl ControlSecret {
    /// This secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret in [`ENVIRONMENT`], else the one in the data directory's [`FILE_NAME`].
    ///
    /// # Errors
    /// When the file is there and cannot be read, or when there is no secret in either place.
    pub fn find(data_dir: Option<&Path>) -> Result<Self, SecretError> {
        if let Some(secret) = std::env::var(ENVIRONMENT).ok().filter(|secret| !secret.is_empty()) {
            return Ok(Self(secret));
        }
        let path = data_dir.ok_or(SecretError::Nowhere)?.join(FILE_NAME);
        match std::fs::read_to_string(&path) {
            Ok(secret) => Ok(Self(secret.trim_end().to_owned())),
            Err(source) => Err(SecretError::Unreadable { path, source }),
        }
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for ControlSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ControlSecret(…)")
    }
}

/// Why there is no control secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Neither place was named.
    #[error("a TCP control listener needs its secret: set {ENVIRONMENT}, or name the proxy's --data-dir")]
    Nowhere,
    /// The file cannot be read.
    #[error("the control secret cannot be read from {path}: {source}; is this the proxy's --data-dir?")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
