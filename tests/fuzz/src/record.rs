//! The records of the store, as the machine decodes them. Each line is one: kind, id and value.

use relay_mcp_core::{
    Change, Command, Config, Proxy, Record, RecordKey, RecordKind, Reply, Sent, Ticket, Timestamp, WriteState,
};
use relay_mcp_tests::world::{Disk, Host};

use crate::text;

/// When the machine is opened: later than most records say that they are from.
const NOW: u64 = 1_790_000_000_000;

/// Opens a machine with records, looks at what it made of them, and opens it once more with what it wrote.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let Ok(lines) = std::str::from_utf8(bytes) else { return };
    let changes: Vec<Change> = lines.lines().take(50).filter_map(record).map(Change::Put).collect();
    let mut disk = Disk::default();
    disk.take(Ticket(0), changes);
    disk.store(1);
    let records = disk.records();
    if let Err(error) = Proxy::open(Config::default(), [4; 32], Timestamp(NOW), records.clone()) {
        let said = error.to_string();
        let refused =
            records.iter().find(|record| record.key.kind.name() == error.kind && record.key.id == error.id);
        assert!(refused.is_some(), "B-5.10: a record that is there is named: {said}");
        assert!(!error.why.contains("hush"), "nothing of what it says is shown: {said}");
        return;
    }
    let mut host = Host::open(Config::default(), [4; 32], NOW, disk);
    let first = outbox(&mut host);
    check_writes(&mut host, &records);
    host.crash(0);
    assert_eq!(outbox(&mut host), first, "G11: recovery gives the same each time");
    host.tick();
    work(&mut host);
    let before = outbox(&mut host);
    host.crash(usize::MAX);
    assert_eq!(outbox(&mut host), before, "G11: what it wrote it understands");
}

fn record(line: &str) -> Option<Record> {
    let (kind, line) = text::word(line);
    let (id, value) = text::word(line);
    // The id of a session may hold anything.
    let key = RecordKey { kind: RecordKind::from_name(kind)?, id: String::from_utf8(text::body(id)).ok()? };
    Some(Record { key, value: text::body(value).into() })
}

fn outbox(host: &mut Host) -> Vec<(String, WriteState)> {
    host.writes()
}

/// Every write that is stored is in the outbox, in order, and can be seen.
fn check_writes(host: &mut Host, records: &[Record]) {
    let writes = outbox(host);
    let stored = records.iter().filter(|record| record.key.kind == RecordKind::Write);
    assert_eq!(writes.len(), stored.count(), "B-5.9: every write is there");
    for (key, _) in &writes {
        match host.reply(Command::ShowWrite(key.clone())) {
            Reply::Write(write) => {
                assert_eq!(write.summary.key, *key);
                let params: Result<&serde_json::value::RawValue, _> = serde_json::from_str(&write.params);
                assert!(params.is_ok(), "B-5.8: what the agent wrote: {}", write.params);
            }
            other => panic!("{key} is not there: {other:?}"),
        }
    }
    let status = host.status();
    assert_eq!(status.outbox.depth + status.outbox.dead_letters, writes.len());
}

/// The relay is away, and somebody looks after the outbox.
fn work(host: &mut Host) {
    let writes = outbox(host);
    for (n, (key, state)) in writes.iter().enumerate().take(8) {
        match (state, n % 2) {
            (WriteState::Dead, 0) => host.command(Command::RetryWrite(key.clone())),
            (_, 1) => host.command(Command::DiscardWrite(key.clone())),
            _ => host.command(Command::SetContext(vec![("isolatedWorktree".into(), true)])),
        };
    }
    for _ in 0..4 {
        let open: Vec<_> = host.calls.keys().copied().collect();
        open.into_iter().for_each(|call| host.fail(call, Sent::No, "connection refused"));
        host.store_all();
        host.pass(1_000);
    }
    host.check_determinism();
}
