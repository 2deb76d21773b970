//! Where a running proxy is found.

use std::path::PathBuf;

use super::ControlArgs;
use crate::config::{ConfigError, Environment, control_address, data_dir};
use crate::settings::ControlAddress;
use crate::store::DataPaths;

/// Where a running proxy is found, and what it keeps.
#[derive(Clone, Debug)]
pub struct ControlTarget {
    /// Where it listens.
    pub address: ControlAddress,
    /// Its data directory: the secret of a TCP listener is there, and the outbox when no proxy runs.
    pub data: DataPaths,
    /// Whether `--control` named the address; else it is the data directory's socket.
    pub named: bool,
}

/// Why a running proxy cannot be looked for. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No address.
    #[error("--control: {0}")]
    Address(String),
    /// No proxy listens there.
    #[error("--control none: there is nothing to connect to")]
    Nowhere,
    /// No data directory.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl ControlArgs {
    /// Where these arguments point: `--control`, else RELAY_MCP_PROXY_CONTROL, else the data directory's socket.
    ///
    /// # Errors
    /// The address is none, or there is no data directory.
    pub fn target(&self, environment: &Environment) -> Result<ControlTarget, ControlError> {
        let data = DataPaths::new(data_dir(self.data_dir.as_deref(), environment)?);
        let named = match &self.control {
            Some(control) => Some(control.as_str()),
            None if self.data_dir.is_some() => None,
            None => environment.get("RELAY_MCP_PROXY_CONTROL")?,
        };
        let address = match named.map(control_address).transpose().map_err(ControlError::Address)? {
            None => ControlAddress::Unix(data.control_socket_path()),
            Some(ControlAddress::None) => return Err(ControlError::Nowhere),
            Some(address) => address,
        };
        Ok(ControlTarget { address, data, named: named.is_some() })
    }
}

impl ControlTarget {
    /// Where the secret of a TCP control listener is.
    #[must_use]
    pub fn secret_path(&self) -> PathBuf {
        self.data.control_secret_path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(control: Option<&str>, data_dir: Option<&str>, variables: &[(&str, &str)]) -> ControlTarget {
        let args =
            ControlArgs { control: control.map(Into::into), data_dir: data_dir.map(Into::into), json: false };
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        args.target(&environment).unwrap()
    }

    #[test]
    fn b_10_a_proxy_is_looked_for_where_it_is_said_or_in_the_data_directory() {
        let home = ("HOME", "/home/ada");
        let variable = ("RELAY_MCP_PROXY_CONTROL", "127.0.0.1:9");
        let unix = |path: &str| ControlAddress::Unix(path.into());
        let tcp = ControlAddress::Tcp("127.0.0.1:9".parse().unwrap());
        assert_eq!(target(Some("unix:/a"), Some("/d"), &[variable]).address, unix("/a"));
        assert_eq!(target(None, Some("/d"), &[variable]).address, unix("/d/control.sock"));
        assert_eq!(target(None, None, &[home, variable]).address, tcp);
        let default = target(None, None, &[home]);
        assert_eq!(default.address, unix("/home/ada/.local/state/relay-mcp-proxy/control.sock"));
        assert_eq!(default.secret_path(), default.data.directory().join("control-secret"));
    }

    #[test]
    fn nowhere_is_no_place_to_connect_to() {
        let args = ControlArgs { control: Some("none".into()), data_dir: Some("/d".into()), json: false };
        assert!(matches!(args.target(&Environment::default()), Err(ControlError::Nowhere)));
    }
}
