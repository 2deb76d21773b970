//! The writes that reached the relay: each arrival, and each key applied once.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::recorded::key_of;

/// One call of a write tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// The idempotency key; empty when the call carried none.
    pub key: String,
    pub tool: String,
    pub arguments: Value,
}

impl Write {
    /// The write in the params of a call.
    #[must_use]
    pub fn of_params(params: &Value) -> Self {
        Self {
            key: key_of(params).unwrap_or_default(),
            tool: params["name"].as_str().unwrap_or_default().to_owned(),
            arguments: params["arguments"].clone(),
        }
    }

    /// `arguments.text`, by which tests tell writes apart.
    #[must_use]
    pub fn text(&self) -> String {
        self.arguments["text"].as_str().unwrap_or_default().to_owned()
    }
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number of the write, from 1.
    pub number: usize,
    /// Whether its key had been applied before.
    pub duplicate: bool,
}

/// All writes, in memory, and in a file when there is one.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Each write that arrived, duplicates included, in order.
    pub arrivals: Vec<Write>,
    /// Each write that was applied, in order.
    pub applied: Vec<Write>,
    numbers: BTreeMap<String, usize>,
    journal: Option<File>,
}

impl Ledger {
    /// A ledger that goes on where its file ends. A torn last line was never applied, and is cut off.
    ///
    /// # Panics
    /// When the file cannot be read or written.
    #[must_use]
    pub fn from_file(path: &Path) -> Self {
        let mut journal =
            OpenOptions::new().read(true).append(true).create(true).open(path).expect("open the journal");
        let mut text = String::new();
        journal.read_to_string(&mut text).expect("read the journal");
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        journal.set_len(whole as u64).expect("cut off a torn line");
        let mut ledger = Self::default();
        for line in text[..whole].lines() {
            ledger.note(serde_json::from_str(line).expect("a whole line of the journal"));
        }
        ledger.journal = Some(journal);
        ledger
    }

    /// Applies a write unless its key is known. Durable when this returns, where there is a file.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn take(&mut self, write: Write) -> Taken {
        self.arrivals.push(write.clone());
        if let Some(number) = self.numbers.get(&write.key) {
            return Taken { number: *number, duplicate: true };
        }
        if let Some(journal) = &mut self.journal {
            let line = serde_json::to_string(&write).expect("a write is JSON") + "\n";
            journal.write_all(line.as_bytes()).expect("write the journal");
            journal.sync_data().expect("sync the journal");
        }
        Taken { number: self.note(write), duplicate: false }
    }

    fn note(&mut self, write: Write) -> usize {
        let number = self.applied.len() + 1;
        if !write.key.is_empty() {
            self.numbers.insert(write.key.clone(), number);
        }
        self.applied.push(write);
        number
    }
}

/// The writes in a journal that no relay holds.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read_journal(path: &Path) -> Vec<Write> {
    Ledger::from_file(path).applied
}
