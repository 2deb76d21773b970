//! How the SQLite file is laid out.

/// `application_id`: the letters `rmcp`, so that our file is told from any other.
pub(super) const APPLICATION_ID: u32 = 0x726d_6370;

/// The one table, and a view of the outbox for people with `sqlite3`. `sum` guards a row against flipped
/// bits, which SQLite's own check does not look for in values: see [`super::rows::sum`].
pub(super) const CREATE: &str = "
CREATE TABLE records (
    agent TEXT NOT NULL,
    kind  TEXT NOT NULL,
    id    TEXT NOT NULL,
    value TEXT NOT NULL,
    sum   INTEGER NOT NULL,
    PRIMARY KEY (agent, kind, id)
) WITHOUT ROWID, STRICT;

CREATE VIEW outbox AS
SELECT agent,
       id AS place,
       value ->> '$.key' AS key,
       value ->> '$.tool' AS tool,
       value ->> '$.state' AS state,
       datetime((value ->> '$.enqueuedAt') / 1000.0, 'unixepoch', 'subsec') AS enqueued_at,
       value ->> '$.lastError' AS last_error,
       value ->> '$.params' AS params
FROM records
WHERE kind = 'write'
ORDER BY agent, id;
";

/// For a new file only: all of it is kept there.
pub(super) const NEW_FILE: &str =
    "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;";

/// For every connection that writes: a commit returns after the log is synced (OUTBOX G1), on macOS too.
pub(super) const DURABLE: &str = "
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 64;
PRAGMA trusted_schema = OFF;
";

pub(super) const PUT: &str = "
INSERT INTO records (agent, kind, id, value, sum) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO UPDATE SET value = excluded.value, sum = excluded.sum
";

pub(super) const REMOVE: &str = "DELETE FROM records WHERE agent = ?1 AND kind = ?2 AND id = ?3";

pub(super) const ALL: &str = "SELECT agent, kind, id, value, sum FROM records";
