//! Housekeeping while nothing else is to be written.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::files::PATIENCE;

/// How many free pages are given back to the disk in one transaction, which needs room in the log itself.
const STEP: u32 = 32;

/// Gives free pages back to the disk, moves what is in the log into the file and empties the log. A log that
/// is hardly ever there can hardly be damaged, and a copy of the file alone is then a whole copy. When
/// someone else uses the store at the same time, it is left for another time.
pub(super) fn tidy(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let done = give_back(connection);
    connection.busy_timeout(PATIENCE)?;
    done.or_else(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Ok(()),
        _ => Err(error),
    })
}

fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let free = |connection: &Connection| connection.query_row("PRAGMA freelist_count", [], |row| row.get(0));
    let mut pages: u32 = free(connection)?;
    while pages > 0 {
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({STEP})"))?;
        let left = free(connection)?;
        if left >= pages {
            break;
        }
        pages = left;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
