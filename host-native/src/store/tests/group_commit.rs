use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use relay_mcp_core::Ticket;
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::store::{Store, StoreError, StoreEvent};

/// Records every commit, fails those that hold a record of id `bad`, and waits to be let on where it is told.
struct Disk {
    commits: Arc<Mutex<Vec<Vec<Change>>>>,
    begun: Sender<()>,
    gate: Receiver<()>,
}

impl Storage for Disk {
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let _ = self.begun.send(());
        let _ = self.gate.recv();
        if changes.iter().any(|change| change.key().id == "bad") {
            return Err(StoreError::Unusable { path: "disk".into(), what: "no space left".into() });
        }
        self.commits.lock().unwrap().push(changes.to_vec());
        Ok(())
    }

    fn records(&mut self) -> Result<Vec<Record>, StoreError> {
        let commits = self.commits.lock().unwrap();
        let puts = commits.iter().flatten().filter_map(|change| match change {
            Change::Put(record) => Some(record.clone()),
            Change::Remove(_) => None,
        });
        Ok(puts.collect())
    }
}

struct Fixture {
    store: Store,
    events: UnboundedReceiver<StoreEvent>,
    commits: Arc<Mutex<Vec<Vec<Change>>>>,
    begun: Receiver<()>,
    gate: Sender<()>,
}

impl Fixture {
    fn new() -> Self {
        let (gate, held) = channel();
        let (begins, begun) = channel();
        let commits = Arc::new(Mutex::new(Vec::new()));
        let (store, events) =
            Store::spawn(Disk { commits: Arc::clone(&commits), begun: begins, gate: held }).unwrap();
        Self { store, events, commits, begun, gate }
    }

    /// Persists ticket 1 alone, and then these while it is being written, so that they make one group.
    fn persist_together(&mut self, batches: &[(u64, &[&str])]) {
        self.persist(1, &["first"]);
        self.begun.recv().unwrap();
        for (ticket, ids) in batches {
            self.persist(*ticket, ids);
        }
        self.gate.send(()).unwrap();
        assert_eq!(self.next(), "durable 1 (1)");
    }

    fn persist(&self, ticket: u64, ids: &[&str]) {
        let changes = ids.iter().map(|id| put(RecordKind::Write, id, "{}")).collect();
        self.store.persist(Ticket(ticket), changes);
    }

    fn next(&mut self) -> String {
        match self.events.blocking_recv() {
            Some(StoreEvent::Durable { through, batches, .. }) => {
                format!("durable {} ({batches})", through.0)
            }
            Some(StoreEvent::Failed { through, reason }) => format!("failed {}: {reason}", through.0),
            Some(StoreEvent::Reloaded(records)) => {
                let ids: Vec<_> = records.unwrap().into_iter().map(|record| record.key.id).collect();
                format!("reloaded {}", ids.join(" "))
            }
            None => "closed".into(),
        }
    }
}

#[test]
fn g_1_what_waits_while_the_disk_is_busy_is_one_commit_in_its_order() {
    let mut fixture = Fixture::new();
    fixture.persist_together(&[(2, &["a", "b"]), (3, &[]), (4, &["a"])]);
    fixture.gate.send(()).unwrap();
    assert_eq!(fixture.next(), "durable 4 (3)");
    let ids: Vec<Vec<_>> = fixture
        .commits
        .lock()
        .unwrap()
        .iter()
        .map(|commit| commit.iter().map(|change| change.key().id.clone()).collect())
        .collect();
    assert_eq!(ids, [vec!["first"], vec!["a", "b", "a"]]);
}

#[test]
fn g_12_a_failed_commit_is_told_with_its_reason() {
    let mut fixture = Fixture::new();
    drop(fixture.gate);
    fixture.gate = channel().0;
    fixture.persist(1, &["bad"]);
    let told = fixture.next();
    assert!(told.starts_with("failed 1: the store disk cannot be used: no space left"), "{told}");
    fixture.persist(2, &["good"]);
    assert_eq!(fixture.next(), "durable 2 (1)");
}

#[test]
fn a_batch_that_cannot_be_stored_fails_alone() {
    let mut fixture = Fixture::new();
    fixture.persist_together(&[(2, &["a"]), (3, &["bad"]), (4, &[]), (5, &["b"])]);
    drop(std::mem::replace(&mut fixture.gate, channel().0));
    assert_eq!(fixture.next(), "durable 2 (1)");
    assert!(fixture.next().starts_with("failed 3"));
    assert_eq!(fixture.next(), "durable 4 (1)");
    assert_eq!(fixture.next(), "durable 5 (1)");
}

#[test]
fn g_11_what_is_read_again_holds_what_was_given_before_and_nothing_that_came_later() {
    let mut fixture = Fixture::new();
    fixture.persist(1, &["first"]);
    fixture.begun.recv().unwrap();
    fixture.persist(2, &["a"]);
    fixture.persist(3, &["bad"]);
    fixture.store.reload();
    fixture.persist(1, &["b"]);
    drop(std::mem::replace(&mut fixture.gate, channel().0));
    assert_eq!(fixture.next(), "durable 1 (1)");
    assert_eq!(fixture.next(), "durable 2 (1)");
    assert!(fixture.next().starts_with("failed 3"));
    assert_eq!(fixture.next(), "reloaded first a");
    assert_eq!(fixture.next(), "durable 1 (1)");
    fixture.store.reload();
    assert_eq!(fixture.next(), "reloaded first a b");
}

#[test]
fn g_11_what_is_read_again_is_what_another_start_would_find() {
    let place = Place::new();
    let (store, mut events) = Store::spawn(place.open().0).unwrap();
    for number in 0..20 {
        store.persist(Ticket(number as u64), vec![write(number)]);
    }
    store.persist(Ticket(20), vec![Change::Remove(write(7).key().clone())]);
    store.reload();
    store.close();
    let reloaded = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        StoreEvent::Reloaded(records) => Some(records.unwrap()),
        StoreEvent::Durable { .. } | StoreEvent::Failed { .. } => None,
    });
    assert_eq!(reloaded.unwrap(), place.records());
    assert_eq!(place.records().len(), 19);
}

#[test]
fn closing_writes_what_was_given() {
    let place = Place::new();
    let (store, mut events) = Store::spawn(place.open().0).unwrap();
    for number in 0..100 {
        store.persist(Ticket(number as u64), vec![write(number)]);
    }
    store.close();
    let mut last = None;
    while let Ok(event) = events.try_recv() {
        last = Some(event);
    }
    assert!(matches!(last, Some(StoreEvent::Durable { through: Ticket(99), .. })), "{last:?}");
    assert_eq!(place.records().len(), 100);
    assert!(!place.beside("-wal").exists());
}
