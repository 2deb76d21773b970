//! The outbox of a data directory that no proxy holds (B-10): the machine itself, opened on the store, with
//! nobody to talk to.

use std::path::Path;

use bytes::Bytes;
use relay_mcp_core::{Action, Command, CommandId, Config, Input, Proxy, Reply};
use serde::Serialize;
use serde_json::json;

use super::error::CommandError;
use super::outbox::Outbox;
use crate::clock::Clock;
use crate::sidecar::AGENT;
use crate::store::{DataDir, DataPaths, Sqlite, Storage, StoreError};

/// The outbox of a data directory, held for as long as this lives.
pub struct Offline {
    data_dir: DataDir,
}

impl Offline {
    /// Takes the directory.
    ///
    /// # Errors
    /// There is no store in it, or a proxy holds it.
    pub fn open(paths: &DataPaths) -> Result<Self, CommandError> {
        if !paths.store_path().exists() {
            return Err(CommandError::NoStore(paths.directory().to_owned()));
        }
        Ok(Self { data_dir: DataDir::open(paths.directory())? })
    }

    /// Asks the machine, and stores what it wants stored.
    fn ask(&self, command: Command) -> Result<Reply, CommandError> {
        let (mut sqlite, records) = Sqlite::open(self.data_dir.store_path(), AGENT)?;
        let now = Clock::start().now();
        let mut machine = Proxy::open(Config::default(), [0; 32], now, records)
            .map_err(|error| damaged(&self.data_dir.store_path(), &error))?;
        let mut inputs = vec![Input::Command { command: CommandId(1), request: command }];
        while let Some(input) = inputs.pop() {
            for action in machine.step(now, input) {
                match action {
                    Action::Persist { ticket, changes } => {
                        sqlite.apply(&changes)?;
                        inputs.push(Input::Durable { through: ticket });
                    }
                    Action::Reply { reply, .. } => return Ok(reply),
                    // There is no agent and no relay here: what is to be sent waits for a proxy.
                    Action::Call { .. }
                    | Action::Splice { .. }
                    | Action::Read { .. }
                    | Action::Cancel { .. }
                    | Action::Answer { .. }
                    | Action::AnswerHead { .. }
                    | Action::AnswerChunk { .. }
                    | Action::AnswerEnd { .. }
                    | Action::Abort { .. }
                    | Action::Observe(_) => {}
                }
            }
        }
        Ok(Reply::Refused("the machine gave no reply".into()))
    }

    fn done(&self, command: Command, key: &str) -> Result<Bytes, CommandError> {
        match self.ask(command)? {
            Reply::Done => Ok(Bytes::from(json!({ "status": "ok" }).to_string())),
            reply => Err(refused(reply, key)),
        }
    }
}

impl Outbox for Offline {
    async fn list(&self) -> Result<Bytes, CommandError> {
        match self.ask(Command::ListOutbox)? {
            Reply::Outbox(entries) => text(&json!({ "entries": entries })),
            reply => Err(refused(reply, "")),
        }
    }

    async fn show(&self, key: &str) -> Result<Bytes, CommandError> {
        match self.ask(Command::ShowWrite(key.into()))? {
            Reply::Write(write) => text(&write),
            reply => Err(refused(reply, key)),
        }
    }

    async fn retry(&self, key: &str) -> Result<Bytes, CommandError> {
        self.done(Command::RetryWrite(key.into()), key)
    }

    async fn discard(&self, key: &str) -> Result<Bytes, CommandError> {
        self.done(Command::DiscardWrite(key.into()), key)
    }
}

fn text(value: &impl Serialize) -> Result<Bytes, CommandError> {
    Ok(Bytes::from(serde_json::to_vec(value)?))
}

fn refused(reply: Reply, key: &str) -> CommandError {
    match reply {
        Reply::UnknownWrite => CommandError::UnknownWrite(key.to_owned()),
        Reply::Refused(sentence) => CommandError::Offline(sentence),
        Reply::Done | Reply::Status(_) | Reply::Outbox(_) | Reply::Write(_) => {
            CommandError::Offline("the machine replied to another question".into())
        }
    }
}

fn damaged(path: &Path, error: &relay_mcp_core::OpenError) -> CommandError {
    CommandError::Store(StoreError::Damaged { path: path.to_owned(), what: error.to_string() })
}
