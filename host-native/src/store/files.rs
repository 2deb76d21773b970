//! The files of a store: made, checked, opened.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use relay_mcp_core::{FORMAT, Record};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::header::beside;
use super::{StoreError, rows, schema};

/// How long to wait for a person who uses the store with `sqlite3`.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Checks the file whole and reads the agent's records, without changing anything: neither is the log
/// moved into the file at the end.
pub(super) fn check(path: &Path, agent: &str) -> Result<Vec<Record>, StoreError> {
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

pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
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
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
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
