//! What arrived at the relay: a line each, in a file that outlives it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A write that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrival {
    /// Its idempotency key.
    pub(crate) key: String,
    /// What it says.
    pub(crate) text: String,
    /// Whether it was applied; not, when its key had been there before.
    pub(crate) applied: bool,
}

/// All that arrived.
pub(super) struct Arrivals {
    file: File,
    keys: BTreeSet<String>,
}

impl Arrivals {
    /// Goes on where an earlier life of the relay ended.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let keys = read(path)?.into_iter().map(|arrival| arrival.key).collect();
        Ok(Self { file, keys })
    }

    /// Applies a write, unless one with its key was applied before. Whether it was.
    pub(super) fn apply(&mut self, key: &str, text: &str) -> io::Result<bool> {
        let applied = self.keys.insert(key.to_owned());
        let mut line = serde_json::to_string(&Arrival { key: key.into(), text: text.into(), applied })?;
        line.push('\n');
        self.file.write_all(line.as_bytes())?;
        Ok(applied)
    }
}

/// What arrived, in that order. A line that is not complete is not there yet.
pub(super) fn read(path: &Path) -> io::Result<Vec<Arrival>> {
    let text = fs::read_to_string(path)?;
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_applied_once_over_all_lives() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("arrivals");
        assert!(Arrivals::open(&path).unwrap().apply("k1", "one").unwrap());
        let mut second_life = Arrivals::open(&path).unwrap();
        assert!(!second_life.apply("k1", "one").unwrap());
        assert!(second_life.apply("k2", "two").unwrap());
        let seen: Vec<_> = read(&path).unwrap().into_iter().map(|a| (a.key, a.applied)).collect();
        let expected =
            [("k1", true), ("k1", false), ("k2", true)].map(|(key, applied)| (key.to_owned(), applied));
        assert_eq!(seen, expected);
    }
}
