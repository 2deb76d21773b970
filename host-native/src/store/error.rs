use std::path::{Path, PathBuf};

/// Why the store cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not what this proxy left there (B-5.10, OUTBOX G11).
    #[error(
        "the store {} is damaged: {what}. Nothing was overwritten. Restore it from a backup, or move it away \
         together with the files beside it that begin with its name, to start with an empty outbox; \
         `sqlite3 {} .recover` may read what is left of it",
        path.display(), path.display()
    )]
    Damaged {
        /// The SQLite file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A newer proxy wrote it (OUTBOX G11).
    #[error(
        "the store {} has format {found}, and this proxy knows formats up to {known}: a newer proxy wrote it. \
         Nothing was overwritten. Use the newer proxy, or move the store away to start with an empty outbox",
        path.display()
    )]
    Newer {
        /// The SQLite file.
        path: PathBuf,
        /// The format that it says.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The operating system, or SQLite, could not read or write it: no permission, a failing disk.
    #[error("the store {} cannot be used: {what}", path.display())]
    Unusable {
        /// The SQLite file.
        path: PathBuf,
        /// What SQLite or the operating system said.
        what: String,
    },
    /// G12: the new is refused, the old is kept.
    #[error(
        "the disk is full, or the quota on it: the store {} takes no more until there is room. \
         What it holds is kept",
        path.display()
    )]
    Full {
        /// The SQLite file.
        path: PathBuf,
    },
    /// A record's value is not UTF-8, so it has no place in a text column.
    #[error("the {kind} record {id:?} is not UTF-8 text, so it cannot be stored")]
    NotText {
        /// The kind of the record.
        kind: &'static str,
        /// The id of the record.
        id: String,
    },
}

impl StoreError {
    /// The exit code of a proxy that stops for this: 4 for a damaged or newer store, else 2 (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Damaged { .. } | Self::Newer { .. } => 4,
            Self::Full { .. } | Self::Unusable { .. } | Self::NotText { .. } => 2,
        }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }

    pub(super) fn unusable(path: &Path, what: &dyn std::error::Error) -> Self {
        Self::Unusable { path: path.to_owned(), what: what.to_string() }
    }

    /// What SQLite said of this file: damage, or trouble.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase};
        use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        // The index of the log could not be made as large as it has to be.
        let has_no_room =
            error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::damaged(path, error.to_string()),
            _ if has_no_room => Self::Full { path: path.to_owned() },
            Some(DiskFull) => Self::Full { path: path.to_owned() },
            _ => Self::unusable(path, error),
        }
    }
}
