//! The SQLite file: opened with care, written in transactions that are synced.

use std::path::{Path, PathBuf};

use relay_mcp_core::{Change, Record};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::files::{check, connect, create};
use super::header::{Found, look};
use super::rows::{self, WriteError};
use super::tidy::tidy;
use super::{Storage, StoreError, reserve};

/// An agent's records in a SQLite file. Every record is kept with the agent's name, so that one file can
/// serve several.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    agent: String,
    /// None after a failure: then it is opened and checked again before it is used (OUTBOX G12).
    connection: Option<Connection>,
    /// Whether the room for a full disk is held.
    reserved: bool,
}

impl Sqlite {
    /// Opens the store, or makes a new one where there is none or an empty file; and the agent's records in
    /// it, ordered by kind and id. The caller holds the [`DataDir`](super::DataDir).
    ///
    /// # Errors
    /// It is damaged or newer, and stays byte for byte as it is; or it cannot be read or written.
    pub fn open(path: impl Into<PathBuf>, agent: &str) -> Result<(Self, Vec<Record>), StoreError> {
        let path = path.into();
        let records = match look(&path)? {
            Found::Nothing => create(&path).map(|()| Vec::new())?,
            Found::Store => check(&path, agent).or_else(|error| check_with_room(&path, agent, error))?,
        };
        let connection = connect(&path)?;
        let agent = agent.to_owned();
        let mut sqlite = Self { path, agent, connection: Some(connection), reserved: false };
        sqlite.reserved = reserve::hold(&sqlite.path) || sqlite.take_room_back();
        Ok((sqlite, records))
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if self.connection.is_none() {
            if look(&self.path)? == Found::Nothing {
                return Err(StoreError::damaged(&self.path, "it is gone"));
            }
            check(&self.path, &self.agent)?;
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            closed => Ok(closed.insert(connect(&self.path)?)),
        }
    }

    /// Uses the store; after a failure that says something about the disk or the file, closes the connection, so
    /// that the next use opens and checks it (OUTBOX G12).
    fn attempt<T>(
        &mut self,
        use_it: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = use_it(self);
        match &done {
            Ok(_) | Err(StoreError::NotText { .. }) => {}
            Err(StoreError::Damaged { .. }) => self.abandon(),
            Err(StoreError::Newer { .. } | StoreError::Full { .. } | StoreError::Unusable { .. }) => {
                self.connection = None;
            }
        }
        done
    }

    fn take_room_back(&mut self) -> bool {
        self.tidy();
        self.reserved = reserve::hold(&self.path);
        self.reserved
    }

    fn tidy(&mut self) {
        let Some(connection) = &self.connection else { return };
        if let Err(error) = tidy(connection) {
            tracing::warn!(%error, store = %self.path.display(), "the store could not be tidied up");
            self.connection = None;
        }
    }

    /// Closes the connection and leaves the file and its log as they are.
    fn abandon(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        {
            tracing::warn!(%error, store = %self.path.display(), "the store's log may be moved into it");
        }
    }

    /// Makes the disk look full from this many pages on, until the store is opened again.
    #[cfg(test)]
    pub(super) fn limit_pages(&mut self, pages: u32) {
        let connection = self.connection().unwrap();
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    }

    #[cfg(test)]
    pub(super) fn is_closed(&self) -> bool {
        self.connection.is_none()
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let (path, agent) = (self.path.clone(), self.agent.clone());
        let trouble = |error| StoreError::sqlite(&path, &error);
        let connection = self.connection()?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(trouble)?;
        for change in changes {
            rows::write(&transaction, &agent, change).map_err(|error| match error {
                WriteError::Sqlite(error) => trouble(error),
                WriteError::NotText => {
                    let key = change.key();
                    StoreError::NotText { kind: key.kind.name(), id: key.id.clone() }
                }
            })?;
        }
        transaction.commit().map_err(trouble)
    }
}

/// SQLite makes an index of its log before it reads a store, which a full disk has no room for: the reserve has.
fn check_with_room(path: &Path, agent: &str, error: StoreError) -> Result<Vec<Record>, StoreError> {
    if !matches!(error, StoreError::Full { .. }) || !reserve::path(path).exists() {
        return Err(error);
    }
    reserve::lend(path);
    check(path, agent)
}

impl Storage for Sqlite {
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let forgets = changes.iter().all(|change| matches!(change, Change::Remove(_)));
        if !forgets && !self.reserved && !self.take_room_back() {
            return Err(StoreError::Full { path: self.path.clone() });
        }
        match self.attempt(|store| store.commit(changes)) {
            Err(StoreError::Full { .. }) if forgets && self.reserved => {
                reserve::lend(&self.path);
                self.reserved = false;
                self.attempt(|store| store.commit(changes))
            }
            done => done,
        }
    }

    fn records(&mut self) -> Result<Vec<Record>, StoreError> {
        self.attempt(|store| {
            let (path, agent) = (store.path.clone(), store.agent.clone());
            rows::load(store.connection()?, &path, &agent)
        })
    }

    fn rest(&mut self) {
        self.tidy();
        self.reserved = reserve::hold(&self.path);
    }
}
