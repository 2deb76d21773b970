//! The SQLite file: opened with care, written in transactions that are synced.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use relay_mcp_core::{Change, FORMAT, Record};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::header::{Found, beside, look};
use super::rows::{self, WriteError};
use super::{Storage, StoreError, schema};

/// An agent's records in a SQLite file. Every record is kept with the agent's name, so that one file can
/// serve several.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    agent: String,
    /// None after a failure: then it is opened and checked again before it is used (OUTBOX G12).
    connection: Option<Connection>,
}

/// How long to wait for a person who reads the store with `sqlite3`.
const PATIENCE: Duration = Duration::from_secs(5);

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
            Found::Store => check(&path, agent)?,
        };
        let connection = connect(&path)?;
        Ok((Self { path, agent: agent.to_owned(), connection: Some(connection) }, records))
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

impl Storage for Sqlite {
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let done = self.commit(changes);
        match &done {
            Ok(()) | Err(StoreError::NotText { .. }) => {}
            Err(StoreError::Damaged { .. }) => self.abandon(),
            Err(StoreError::Newer { .. } | StoreError::Unusable { .. }) => self.connection = None,
        }
        done
    }

    /// Moves what is in the log into the file and empties the log. A log that is hardly ever there can hardly
    /// be damaged, and a copy of the file alone is then a whole copy.
    fn rest(&mut self) {
        let Some(connection) = &self.connection else { return };
        if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, store = %self.path.display(), "the store's log could not be emptied");
            self.connection = None;
        }
    }
}

/// Checks the file whole and reads the agent's records, without changing anything: neither is the log
/// moved into the file at the end.
fn check(path: &Path, agent: &str) -> Result<Vec<Record>, StoreError> {
    let trouble = |error| StoreError::sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(trouble)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(trouble)?;
    connection.busy_timeout(PATIENCE).map_err(trouble)?;
    connection.execute_batch("PRAGMA cell_size_check = ON").map_err(trouble)?;
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(trouble)?;
    if verdict != "ok" {
        return Err(StoreError::damaged(path, format!("SQLite's check says: {verdict}")));
    }
    rows::load(&connection, path, agent)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let trouble = |error| StoreError::sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(trouble)?;
    connection.busy_timeout(PATIENCE).map_err(trouble)?;
    connection.execute_batch(schema::DURABLE).map_err(trouble)?;
    close_to_others(path).map_err(|error| StoreError::unusable(path, &error))?;
    Ok(connection)
}

/// Someone may have opened it up; SQLite gives the files beside it the same mode.
fn close_to_others(path: &Path) -> io::Result<()> {
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        if file.exists() {
            fs::set_permissions(file, Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Makes a new store under another name and renames it when it is whole and synced: there never is a half
/// of one under the right name.
fn create(path: &Path) -> Result<(), StoreError> {
    let io_trouble = |error: io::Error| StoreError::unusable(path, &error);
    let draft = beside(path, ".new");
    remove_draft(&draft).map_err(io_trouble)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(io_trouble)?;
    lay_out(&draft).map_err(|error| StoreError::sqlite(path, &error))?;
    File::open(&draft).and_then(|file| file.sync_all()).map_err(io_trouble)?;
    fs::rename(&draft, path).map_err(io_trouble)?;
    sync_directory_of(path).map_err(io_trouble)
}

fn remove_draft(draft: &Path) -> io::Result<()> {
    for file in ["", "-wal", "-shm", "-journal"].map(|suffix| beside(draft, suffix)) {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn lay_out(draft: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(schema::NEW_FILE)?;
    connection.execute_batch(schema::DURABLE)?;
    connection.execute_batch(&format!(
        "BEGIN; {} PRAGMA application_id = {}; PRAGMA user_version = {FORMAT}; COMMIT;",
        schema::CREATE,
        schema::APPLICATION_ID
    ))?;
    connection.close().map_err(|(_, error)| error)
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
