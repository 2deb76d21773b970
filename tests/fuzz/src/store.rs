//! The rows of the store, as they stand in SQLite's file and its log: both are patched, and the store is opened. The
//! input is patches of five bytes: what to do, where, and with what.

use std::fs;
use std::path::{Path, PathBuf};

use relay_mcp_core::{Change, Record, RecordKey, RecordKind};
use relay_mcp_host_native::store::{Sqlite, Storage, StoreError, inspect};
use tempfile::TempDir;

/// A store with a hello, a menu, a session, a view and three writes, of which the last changes are in its log.
const FILE: &[u8] = include_bytes!("../fixtures/store.sqlite3");
const LOG: &[u8] = include_bytes!("../fixtures/store.sqlite3-wal");

/// Whose records they are.
const AGENT: &str = "agent";

/// Opens a damaged store. It is refused and stays as it is; or it is taken, and says the same each time.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut file, mut log) = (FILE.to_vec(), LOG.to_vec());
    for patch in bytes.chunks_exact(5).take(64) {
        let target = if patch[0] & 1 == 0 { &mut file } else { &mut log };
        apply(
            target,
            patch[0] >> 1,
            usize::from(u16::from_be_bytes([patch[1], patch[2]])),
            [patch[3], patch[4]],
        );
    }
    let store = Store::new(&directory, file, log);
    let looked = inspect(&store.path);
    match Sqlite::open(&store.path, AGENT) {
        Err(error) => store.check_refused(&error),
        Ok((opened, records)) => {
            let was_empty = store.file.is_empty() && store.log.is_empty();
            assert_eq!(looked.ok(), Some(!was_empty), "what can be opened is a store at the first look");
            assert!(!was_empty || records.is_empty(), "nothing comes of nothing");
            drop(opened);
            store.check_taken(&records);
        }
    }
}

fn apply(target: &mut Vec<u8>, how: u8, at: usize, with: [u8; 2]) {
    let at = at.min(target.len());
    match how % 4 {
        0 => target.iter_mut().skip(at).zip(with).for_each(|(byte, with)| *byte ^= with),
        1 => target.iter_mut().skip(at).zip(with).for_each(|(byte, with)| *byte = with),
        2 => target.truncate(at),
        _ => target.iter_mut().skip(at).take(usize::from(with[0])).for_each(|byte| *byte = with[1]),
    }
}

struct Store {
    path: PathBuf,
    file: Vec<u8>,
    log: Vec<u8>,
}

impl Store {
    fn new(directory: &TempDir, file: Vec<u8>, log: Vec<u8>) -> Self {
        let path = directory.path().join("store.sqlite3");
        fs::write(&path, &file).expect("a file");
        fs::write(log_of(&path), &log).expect("a file");
        Self { path, file, log }
    }

    /// Damage is said with the path, and nothing is overwritten (B-5.10).
    fn check_refused(&self, error: &StoreError) {
        assert!(error.to_string().contains(&self.path.display().to_string()), "{error}");
        assert!(matches!(error.exit_code(), 2 | 4), "{error}");
        assert!(fs::read(&self.path).expect("the file") == self.file, "B-5.10: it is as it was: {error}");
        let log = fs::read(log_of(&self.path)).unwrap_or_default();
        assert!(log == self.log, "B-5.10: its log is as it was: {error}");
    }

    /// What is taken is the same at the next start, and takes more.
    fn check_taken(&self, records: &[Record]) {
        let again = self.reopened(&[]);
        assert_eq!(again, records, "G11: the same each time");
        assert!(records.is_sorted_by(|one, next| one.key < next.key), "{records:?}");
        let key = RecordKey { kind: RecordKind::Hello, id: "fuzz".into() };
        let more = Record { key, value: b"{}".as_slice().into() };
        let grown = self.reopened(&[Change::Put(more.clone())]);
        let others: Vec<_> = grown.iter().filter(|record| record.key != more.key).collect();
        let before: Vec<_> = records.iter().filter(|record| record.key != more.key).collect();
        assert!(grown.contains(&more) && others == before, "B-5.9: what was there, and the new");
    }

    /// What the store holds when it is opened, is changed, and is opened again.
    fn reopened(&self, changes: &[Change]) -> Vec<Record> {
        let (mut store, records) = Sqlite::open(&self.path, AGENT).expect("a store that was taken");
        if changes.is_empty() {
            return records;
        }
        store.apply(changes).expect("a store that takes changes");
        drop(store);
        Sqlite::open(&self.path, AGENT).expect("a store that took changes").1
    }
}

fn log_of(path: &Path) -> PathBuf {
    path.with_file_name("store.sqlite3-wal")
}
