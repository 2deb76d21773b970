//! Loops that do nothing but make writes durable: what the disk, and SQLite on it, can do at most.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

/// The settings of the sidecar's store (`host-native/src/store/schema.rs`).
const SETTINGS: &str = "
PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 64; PRAGMA trusted_schema = OFF;
";

/// The table of the sidecar's store, and how it puts a row.
const TABLE: &str = "
CREATE TABLE records (
    agent TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (agent, kind, id)
) WITHOUT ROWID, STRICT;
";
const PUT: &str = "
INSERT INTO records (agent, kind, id, value, sum) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO UPDATE SET value = excluded.value, sum = excluded.sum
";

/// How long the value of a write in a store is, on average, and how many there are.
///
/// # Errors
/// It cannot be read.
pub(crate) fn writes_in(store: &Path) -> Result<(u64, usize), String> {
    let read = || -> rusqlite::Result<_> {
        let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let query = "SELECT count(*), coalesce(avg(length(value)), 0) FROM records WHERE kind = 'write'";
        store.query_row(query, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)))
    };
    let (count, bytes) = read().map_err(|error| format!("the store cannot be read: {error}"))?;
    Ok((count.unsigned_abs(), bytes as usize))
}

/// Rows a second, so many of them in a commit, on average.
///
/// # Errors
/// SQLite's.
pub(crate) fn sqlite(home: &Path, bytes: usize, batch: f64, time: Duration) -> Result<f64, String> {
    let run = || -> rusqlite::Result<_> {
        let mut store = Connection::open(home.join("bare.sqlite3"))?;
        store.execute_batch(SETTINGS)?;
        store.execute_batch(TABLE)?;
        let value = "v".repeat(bytes);
        let (mut row, mut target) = (0u64, 0.0);
        let begun = Instant::now();
        while begun.elapsed() < time {
            target += batch;
            let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
            while (row as f64) < target {
                row += 1;
                transaction.prepare_cached(PUT)?.execute(params![
                    "agent",
                    "write",
                    format!("{row:020}"),
                    value,
                    row.cast_signed()
                ])?;
            }
            transaction.commit()?;
        }
        Ok(row as f64 / begun.elapsed().as_secs_f64())
    };
    fs::create_dir_all(home).map_err(|error| format!("{} cannot be made: {error}", home.display()))?;
    run().map_err(|error| format!("the bare loop of SQLite: {error}"))
}

/// Where the loop of syncs begins again in its file, as SQLite does in its log.
const RING: u64 = 256 << 10;

/// Writes a second, so many of them before each sync, into a file that does not grow.
///
/// # Errors
/// The disk's.
pub(crate) fn sync(home: &Path, bytes: usize, batch: f64, time: Duration) -> Result<f64, String> {
    let run = || -> std::io::Result<_> {
        fs::create_dir_all(home)?;
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(home.join("bare"))?;
        let chunk = vec![b'v'; (bytes as f64 * batch).ceil() as usize];
        file.write_all_at(&vec![0; RING as usize + chunk.len()], 0)?;
        file.sync_all()?;
        let (mut syncs, mut place) = (0u64, 0);
        let begun = Instant::now();
        while begun.elapsed() < time {
            file.write_all_at(&chunk, place)?;
            file.sync_data()?;
            syncs += 1;
            place = (place + chunk.len() as u64) % RING;
        }
        Ok(syncs as f64 * batch / begun.elapsed().as_secs_f64())
    };
    run().map_err(|error| format!("the bare loop of fdatasync: {error}"))
}
