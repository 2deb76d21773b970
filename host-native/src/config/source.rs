//! A value together with where it stands, for the sentence that refuses it.

use std::path::PathBuf;

use super::ConfigError;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On the command line.
    Flag,
    /// In this environment variable.
    Variable(String),
    /// In this file.
    File(PathBuf),
    /// Nowhere: it follows from another value.
    Default,
}

impl Source {
    /// The key as it is written there.
    #[must_use]
    pub fn of(&self, key: &str) -> String {
        match self {
            Self::Flag => format!("--{key}"),
            Self::Variable(name) => format!("{key} (from the environment variable {name})"),
            Self::File(path) => format!("{key} (from the file {})", path.display()),
            Self::Default => format!("{key} (by default)"),
        }
    }
}

/// The environment variable of a key: `relay-url` is `RELAY_MCP_PROXY_RELAY_URL` (B-11).
pub(super) fn variable(key: &str) -> String {
    format!("RELAY_MCP_PROXY_{}", key.replace('-', "_").to_uppercase())
}

/// A value, its key and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Given<Value> {
    pub(super) key: &'static str,
    pub(super) value: Value,
    pub(super) from: Source,
}

impl<Value> Given<Value> {
    /// The refusal of this value.
    pub(super) fn bad(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::Bad { key: self.key, from: self.from.clone(), reason: reason.into() }
    }

    /// What the value means, or why it means nothing.
    pub(super) fn read<Meaning, Reason: Into<String>>(
        &self,
        read: impl FnOnce(&Value) -> Result<Meaning, Reason>,
    ) -> Result<Meaning, ConfigError> {
        read(&self.value).map_err(|reason| self.bad(reason))
    }
}
