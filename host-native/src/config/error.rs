use std::path::PathBuf;

use super::source::Source;

/// Why a configuration is refused. Every one ends the proxy with exit code 2 (B-10).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that cannot be.
    #[error("{}: {reason}", from.of(key))]
    Bad {
        /// The name in kebab-case, such as `relay-url`.
        key: &'static str,
        /// Where the value stands.
        from: Source,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A value that must be given.
    #[error(
        "{key} is missing: give --{key}, set {variable}, or put {key} into the file of --config",
        variable = super::source::variable(key)
    )]
    Missing {
        /// The name in kebab-case.
        key: &'static str,
    },
    /// The file is not there, or cannot be read.
    #[error("the configuration file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is no TOML, has an unknown key, or a value of another type.
    #[error("the configuration file {}, line {line}, `{text}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands in the line, without its value.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A variable that is not text.
    #[error("the environment variable {variable} is not Unicode text")]
    NotUnicode {
        /// Its name.
        variable: String,
    },
    /// Nowhere to keep anything.
    #[error(
        "data-dir is missing, and neither XDG_STATE_HOME nor HOME says where it could be: give --data-dir"
    )]
    NoHome,
}

impl ConfigError {
    /// The exit code of a proxy that stops for this (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        2
    }
}
