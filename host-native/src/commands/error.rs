//! Why a command failed.

use std::io;
use std::path::PathBuf;

use http::StatusCode;
use serde::Deserialize;

use crate::control::{Answer, ClientError, SecretError};
use crate::store::{DataDirError, StoreError};
use crate::telemetry::one_line::escaped;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The proxy could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The control secret is missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The proxy was asked and said no.
    #[error("{sentence}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// What it said.
        sentence: String,
    },
    /// The answer is none that this version understands.
    #[error(
        "the answer is not understood ({0}): is it a relay-mcp-proxy of this version? --json shows it as it is"
    )]
    Misunderstood(#[from] serde_json::Error),
    /// There is no outbox in this directory.
    #[error("no proxy answers, and there is no store in {}: is that the data directory?", .0.display())]
    NoStore(PathBuf),
    /// The data directory cannot be taken.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such write.
    #[error("no write in the outbox has the key {}", escaped(.0))]
    UnknownWrite(String),
    /// The machine said no.
    #[error("{0}")]
    Offline(String),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// The exit code of the process (B-10, B-11): 2 for usage and configuration, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => match error {
                ClientError::NoListener | ClientError::BadSecret | ClientError::Unaskable(_) => 2,
                ClientError::Unreachable { .. } | ClientError::Broken { .. } | ClientError::Silent { .. } => {
                    1
                }
            },
            Self::Secret(_) => 2,
            Self::DataDir(error) => error.exit_code(),
            Self::Store(error) => error.exit_code(),
            Self::Refused { .. }
            | Self::Misunderstood(_)
            | Self::NoStore(_)
            | Self::UnknownWrite(_)
            | Self::Offline(_)
            | Self::Output(_) => 1,
        }
    }

    /// What the proxy said no with: the sentence of `{"error": "sentence"}`.
    pub(super) fn refused(answer: &Answer) -> Self {
        #[derive(Deserialize)]
        struct Problem {
            error: String,
        }
        let sentence = match serde_json::from_slice(&answer.body) {
            Ok(Problem { error }) => escaped(&error).into_owned(),
            Err(_) => format!("the proxy refused with HTTP status {}", answer.status),
        };
        Self::Refused { status: answer.status, sentence }
    }
}
