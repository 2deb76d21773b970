//! The first look at a store: only reading, so that what is not ours stays as it is.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use relay_mcp_core::FORMAT;

use super::{StoreError, schema, wal};

/// What stands where the store should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or an empty file, which a crash at the very beginning can leave.
    Nothing,
    /// A store of ours, as far as its header and its log can say.
    Store,
}

/// Looks at a store without opening it as a database: whether it is there, ours, of a known format, and
/// its log whole. Returns whether there is one. Changes nothing and creates nothing.
///
/// # Errors
/// It is damaged, foreign, newer, or cannot be read.
pub fn inspect(path: &Path) -> Result<bool, StoreError> {
    look(path).map(|found| found == Found::Store)
}

pub(super) fn look(path: &Path) -> Result<Found, StoreError> {
    let Some(header) = read_header(path)? else {
        return nothing_unless_a_log_is_left(path);
    };
    check_header(path, &header)?;
    wal::check(path, &beside(path, "-wal"))?;
    Ok(Found::Store)
}

/// The file of this name that SQLite keeps beside the store.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

const HEADER: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header says who may write and read the file: 1 who knows of rollback journals, 2 of logs.
const WRITE_VERSION: usize = 18;
const READ_VERSION: usize = 19;
const WITH_A_LOG: u8 = 2;

fn read_header(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let unusable = |error: io::Error| StoreError::unusable(path, &error);
    match path.metadata() {
        Ok(found) if !found.is_file() => return Err(StoreError::damaged(path, "it is not a regular file")),
        Ok(found) if found.len() == 0 => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    }
    let mut header = Vec::with_capacity(HEADER);
    File::open(path).and_then(|file| file.take(HEADER as u64).read_to_end(&mut header)).map_err(unusable)?;
    Ok(Some(header))
}

/// SQLite deletes the log of an empty database when it opens it, and with it every write in that log.
fn nothing_unless_a_log_is_left(path: &Path) -> Result<Found, StoreError> {
    let log = beside(path, "-wal");
    match log.metadata() {
        Ok(found) if found.len() > 0 => Err(StoreError::damaged(
            path,
            format!("it is missing or empty, while its log {} still holds writes", log.display()),
        )),
        _ => Ok(Found::Nothing),
    }
}

fn check_header(path: &Path, header: &[u8]) -> Result<(), StoreError> {
    if header.len() < HEADER || !header.starts_with(MAGIC) {
        return Err(StoreError::damaged(path, "it is not a SQLite file"));
    }
    if word(header, 68) != schema::APPLICATION_ID {
        return Err(StoreError::damaged(path, "it is a SQLite file of another application"));
    }
    // SQLite opens a file whose version for writing it does not know, and writes nothing to it.
    if header[WRITE_VERSION].max(header[READ_VERSION]) > WITH_A_LOG {
        return Err(StoreError::damaged(path, "its header does not say that it can be written"));
    }
    match word(header, 60) {
        found if found > FORMAT => Err(StoreError::Newer { path: path.to_owned(), found, known: FORMAT }),
        0 => Err(StoreError::damaged(path, "it does not say its format")),
        _ => Ok(()),
    }
}

/// A big-endian number of four bytes; 0 beyond the end.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}
