//! Room on the disk that is kept for one purpose: to go on forgetting when the disk is full.
//!
//! A removal is written before it frees anything, so without this a full disk would also keep the outbox from
//! draining, and on a small volume for good. Nothing new is stored while the room is lent.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::header::beside;

/// Twice what a log holds before it is moved into the file (`wal_autocheckpoint`).
const SIZE: usize = 512 << 10;

pub(super) fn path(store: &Path) -> PathBuf {
    beside(store, "-reserve")
}

/// Takes the room, unless it is taken already; whether it is taken now.
pub(super) fn hold(store: &Path) -> bool {
    let taken = take(&path(store));
    if taken.is_err() {
        lend(store);
    }
    taken.is_ok()
}

/// Gives the room back to the disk.
pub(super) fn lend(store: &Path) {
    let _ = fs::remove_file(path(store));
}

fn take(reserve: &Path) -> io::Result<()> {
    if reserve.metadata().is_ok_and(|reserve| reserve.len() == SIZE as u64) {
        return Ok(());
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(reserve)?;
    file.write_all(&vec![0; SIZE])?;
    file.sync_all()
}
