//! Makes `fixtures/store.sqlite3` and its log anew, as a proxy leaves them that is killed:
//! `cargo run -p relay-mcp-fuzz --example store_fixture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;

use relay_mcp_core::{Change, Config};
use relay_mcp_host_native::store::{Sqlite, Storage};
use relay_mcp_tests::world::Host;
use serde_json::json;

fn main() {
    let mut host = Host::new(Config::default());
    host.tick();
    let session = host.greeted(Some("s1"));
    host.listed(Some(&session), &json!([{ "name": "relay_read" }, { "name": "relay_workspace_land" }]));
    for key in ["first", "second", "third"] {
        host.queued(key);
    }
    let puts: Vec<Change> = host.disk.records().into_iter().map(Change::Put).collect();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite3");
    let (older, newer) = puts.split_at(puts.len() - 2);
    let (mut store, _) = Sqlite::open(&path, "agent").unwrap();
    store.apply(older).unwrap();
    drop(store);
    let (mut store, _) = Sqlite::open(&path, "agent").unwrap();
    store.apply(newer).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for name in ["store.sqlite3", "store.sqlite3-wal"] {
        std::fs::copy(directory.path().join(name), fixtures.join(name)).unwrap();
    }
}
