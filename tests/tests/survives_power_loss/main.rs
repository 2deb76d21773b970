//! Every write and every sync of the proxy's files is a place to crash: from what each of these crashes can leave, the
//! store opens, and holds every write that was accepted and not delivered, none that nobody made, and no place twice
//! (B-5.9, B-9.4, OUTBOX G1, G11, T2).
//!
//! The proxy runs as it always does; a library that is loaded into it writes down what it does to the disk and what
//! it says and hears. `RELAY_MCP_SEED` chooses other texts, and other sectors that are there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows its figures"
)]

mod ledger;
mod script;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use relay_mcp_core::{Config, Proxy as Machine, Record, RecordKind, Timestamp};
use relay_mcp_host_native::sidecar::AGENT;
use relay_mcp_host_native::store::{DataPaths, Sqlite};
use relay_mcp_tests::disk::{Crash, Disk, Files, Op};
use relay_mcp_tests::seeded::Seeded;
use serde_json::Value;

use ledger::Ledger;

const CRASHES: [Crash; 4] = [Crash::Process, Crash::PowerAndCache, Crash::Power(20), Crash::Power(80)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_crash_leaves_a_store_with_all_that_was_accepted() {
    let seed = Seeded::seed_from("RELAY_MCP_SEED", 20_261_122);
    let start = Instant::now();
    let (directory, ops) = script::recorded(seed).await;
    let recorded = start.elapsed();
    let figures =
        tokio::task::spawn_blocking(move || judge_each_crash(&directory, &ops, seed)).await.unwrap();
    println!(
        "seed {seed}: {figures:?}; recorded in {recorded:?}, judged in {:?}",
        start.elapsed() - recorded
    );
    assert!(figures.syncs > 80 && figures.writes > 400 && figures.checkpoints > 0, "{figures:?}");
    assert!(figures.opened > 1000, "{figures:?}");
}

#[derive(Debug, Default)]
struct Figures {
    writes: usize,
    syncs: usize,
    /// How often the log was emptied into the file.
    checkpoints: usize,
    /// Stores that were left by a crash, no two of them alike in a row.
    opened: usize,
    accepted: usize,
    delivered: usize,
}

fn judge_each_crash(directory: &Path, ops: &[Op], seed: u64) -> Figures {
    let mut chance = Seeded::new(seed);
    let mut disk = Disk::new(directory);
    let mut ledger = Ledger::default();
    let mut judge = Judge { places: BTreeMap::new(), before: Default::default() };
    let mut figures = Figures::default();
    for (number, op) in ops.iter().enumerate() {
        ledger.note(op);
        count(op, &mut figures);
        if !disk.apply(op) {
            continue;
        }
        for (which, crash) in CRASHES.into_iter().enumerate() {
            let files = disk.after(crash, &mut chance, is_of_the_store);
            if judge.before[which] != files {
                figures.opened += 1;
                let what = format!(
                    "seed {seed}: {crash:?} after operation {number} of {}, {}",
                    ops.len(),
                    brief(op)
                );
                judge.judge(directory, &files, &ledger, &what);
                judge.before[which] = files;
            }
        }
    }
    (figures.accepted, figures.delivered) = (ledger.accepted.len(), ledger.delivered.len());
    figures
}

fn count(op: &Op, figures: &mut Figures) {
    match op {
        Op::Write { .. } => figures.writes += 1,
        Op::Sync { .. } => figures.syncs += 1,
        Op::Truncate { length: 0, .. } => figures.checkpoints += 1,
        _ => {}
    }
}

/// What SQLite reads. The index of the log is in memory, and made again.
fn is_of_the_store(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("store.sqlite3") && !name.ends_with("-shm") && !name.ends_with("-reserve")
}

fn brief(op: &Op) -> String {
    match op {
        Op::Write { file, at, bytes } => format!("a write of {} bytes at {at} to file {file}", bytes.len()),
        op => format!("{op:?}"),
    }
}

struct Judge {
    /// Which write has which place, in all stores.
    places: BTreeMap<String, String>,
    before: [Files; CRASHES.len()],
}

impl Judge {
    /// The store that these files are must open, and hold what the ledger says.
    fn judge(&mut self, directory: &Path, files: &Files, ledger: &Ledger, what: &str) {
        let place = tempfile::tempdir_in(memory()).unwrap();
        for (path, content) in files {
            let name = path.strip_prefix(directory).unwrap();
            std::fs::write(place.path().join(name), content).unwrap();
        }
        let opened = Sqlite::open(DataPaths::new(place.path()).store_path(), AGENT);
        let (_, records) = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
        let writes: BTreeMap<String, &Record> =
            records.iter().filter(|record| record.key.kind == RecordKind::Write).map(by_key).collect();
        for key in ledger.owed() {
            assert!(writes.contains_key(key), "{what}: {key} was accepted, and is lost");
        }
        for (key, record) in &writes {
            assert!(ledger.asked.contains(key), "{what}: {key} is invented");
            assert_eq!(text_of(record), script::text(key), "{what}: {key} is another write");
            let owner = self.places.entry(record.key.id.clone()).or_insert_with(|| key.clone());
            assert_eq!(owner, key, "{what}: place {} is used twice", record.key.id);
        }
        let opened = Machine::open(Config::default(), [7; 32], Timestamp(0), records);
        assert!(opened.is_ok(), "{what}: {:?}", opened.err());
    }
}

fn by_key(record: &Record) -> (String, &Record) {
    let value: Value = serde_json::from_slice(&record.value).unwrap();
    (value["key"].as_str().unwrap().to_owned(), record)
}

fn text_of(record: &Record) -> String {
    let value: Value = serde_json::from_slice(&record.value).unwrap();
    value["params"]["arguments"]["text"].as_str().unwrap().to_owned()
}

/// Thousands of stores are opened, each of which syncs: in memory where there is a file system in it.
fn memory() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}
