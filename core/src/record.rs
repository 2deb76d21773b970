//! What is stored: small named records, each a JSON text, so that any person can read the store.

use alloc::string::String;

use bytes::Bytes;

/// The version of the records' form. A store that says a higher one was written by a newer proxy and is
/// refused (OUTBOX G11).
pub const FORMAT: u32 = 1;

/// The name of a record: unique for one agent, ordered by kind and then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey {
    /// What it tells of.
    pub kind: RecordKind,
    /// Which one of its kind.
    pub id: String,
}

/// What a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// The last hello of the relay, by era (B-3.2).
    Hello,
    /// The last menu of the relay, by era (B-4.4).
    Menu,
    /// A legacy session (B-6.1).
    Session,
    /// What the agent last saw of the menu (B-7.3).
    View,
    /// A write: queued, or a dead letter (B-5.4, B-5.8). Its id is its place in the order of all writes.
    Write,
}

impl RecordKind {
    /// The kind as it stands in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Menu => "menu",
            Self::Session => "session",
            Self::View => "view",
            Self::Write => "write",
        }
    }

    /// The kind that the store names so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Hello, Self::Menu, Self::Session, Self::View, Self::Write]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A record: its name and its JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: RecordKey,
    /// Its JSON text, UTF-8.
    pub value: Bytes,
}

/// A change to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record is this now, whether it was there before or not.
    Put(Record),
    /// The record is gone, whether it was there before or not.
    Remove(RecordKey),
}

impl Change {
    /// The name of the record that changes.
    #[must_use]
    pub fn key(&self) -> &RecordKey {
        match self {
            Self::Put(record) => &record.key,
            Self::Remove(key) => key,
        }
    }
}
