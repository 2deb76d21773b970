//! What the store promises, over real files.

mod damage;
mod durability;
mod group_commit;

use std::path::{Path, PathBuf};

use relay_mcp_core::{Change, Record, RecordKey, RecordKind};

use super::{Sqlite, Storage};

const AGENT: &str = "agent";

struct Place {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.sqlite3");
        Self { _directory: directory, path }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        super::header::beside(&self.path, suffix)
    }

    fn open(&self) -> (Sqlite, Vec<Record>) {
        Sqlite::open(&self.path, AGENT).unwrap()
    }

    fn records(&self) -> Vec<Record> {
        self.open().1
    }

    /// A store with these many writes, closed; and what is in it.
    fn with_writes(count: usize) -> (Self, Vec<Record>) {
        let place = Self::new();
        let (mut sqlite, _) = place.open();
        let writes: Vec<_> = (0..count).map(write).collect();
        sqlite.apply(&writes).unwrap();
        drop(sqlite);
        let records = place.records();
        assert_eq!(records.len(), count);
        (place, records)
    }
}

fn key(kind: RecordKind, id: &str) -> RecordKey {
    RecordKey { kind, id: id.to_owned() }
}

pub(super) fn put(kind: RecordKind, id: &str, value: &str) -> Change {
    Change::Put(Record { key: key(kind, id), value: value.to_owned().into() })
}

fn write(number: usize) -> Change {
    let value = format!(
        r#"{{"key":"k{number}","tool":"relay_reply","state":"queued","enqueuedAt":1700000000000,"params":{{"text":"{}"}}}}"#,
        "x".repeat(40)
    );
    put(RecordKind::Write, &format!("{number:020}"), &value)
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Copies a store as a crash leaves it: the file and its log, while it is open.
fn crash_image(place: &Place) -> Place {
    let image = Place::new();
    std::fs::copy(&place.path, &image.path).unwrap();
    if place.beside("-wal").exists() {
        std::fs::copy(place.beside("-wal"), image.beside("-wal")).unwrap();
    }
    image
}
