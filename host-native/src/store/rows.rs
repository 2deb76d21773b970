//! Rows of the table as records, each with its check sum.

use std::path::Path;

use bytes::Bytes;
use relay_mcp_core::{Change, Record, RecordKey, RecordKind};
use rusqlite::{Connection, Row, Transaction, params};

use super::{StoreError, schema};

/// All records of one agent, ordered by kind and id. The rows of other agents are checked too.
pub(super) fn load(connection: &Connection, path: &Path, agent: &str) -> Result<Vec<Record>, StoreError> {
    let trouble = |error| StoreError::sqlite(path, &error);
    let mut statement = connection
        .prepare(schema::ALL)
        .map_err(|error| StoreError::damaged(path, format!("its records cannot be read: {error}")))?;
    let mut rows = statement.query([]).map_err(trouble)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(trouble)? {
        let (owner, record) = read(row).map_err(|what| StoreError::damaged(path, what))?;
        if owner == agent {
            records.push(record);
        }
    }
    records.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(records)
}

fn read(row: &Row<'_>) -> Result<(String, Record), String> {
    let text =
        |column| row.get::<_, String>(column).map_err(|error| format!("a record is unreadable: {error}"));
    let (agent, kind, id, value) = (text(0)?, text(1)?, text(2)?, text(3)?);
    let stored: i64 = row.get(4).map_err(|error| format!("a record is unreadable: {error}"))?;
    let named =
        RecordKind::from_name(&kind).ok_or_else(|| format!("it has a record of unknown kind {kind:?}"))?;
    if stored != sum([&agent, &kind, &id, &value]) {
        return Err(format!("its {kind} record {id:?} does not agree with its check sum"));
    }
    let key = RecordKey { kind: named, id };
    Ok((agent, Record { key, value: Bytes::from(value) }))
}

/// Makes one change within a transaction.
pub(super) fn write(transaction: &Transaction<'_>, agent: &str, change: &Change) -> Result<(), WriteError> {
    let key = change.key();
    let kind = key.kind.name();
    match change {
        Change::Put(record) => {
            let value = std::str::from_utf8(&record.value).map_err(|_| WriteError::NotText)?;
            let sum = sum([agent, kind, &key.id, value]);
            let mut put = transaction.prepare_cached(schema::PUT)?;
            put.execute(params![agent, kind, key.id, value, sum])?;
        }
        Change::Remove(_) => {
            transaction.prepare_cached(schema::REMOVE)?.execute(params![agent, kind, key.id])?;
        }
    }
    Ok(())
}

/// Why a change could not be made.
pub(super) enum WriteError {
    /// The value is not UTF-8.
    NotText,
    /// SQLite could not.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// FNV-1a, 64 bits, over agent, kind, id and value, each followed by a byte that UTF-8 never has. A
/// guard against flipped bits, not against people. Part of the format.
pub(super) fn sum(parts: [&str; 4]) -> i64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash.cast_signed()
}
