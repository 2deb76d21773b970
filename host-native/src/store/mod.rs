//! What outlives a run: the data directory, the SQLite file in it, and the thread that writes it
//! (B-5.9, B-5.10).

mod data_dir;
mod error;
mod files;
mod header;
mod orders;
mod reserve;
mod rows;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;
mod thread;
mod tidy;
mod wal;

pub use data_dir::{DataDir, DataDirError, DataPaths};
pub use error::StoreError;
pub use header::inspect;
pub use sqlite::Sqlite;
pub use thread::{Store, StoreEvent};

use relay_mcp_core::{Change, Record};

/// Where changes become durable. The store's thread owns one; tests put in one whose syncs fail.
pub trait Storage: Send + 'static {
    /// Makes all the changes or none of them, in their order, and returns when they are durable.
    ///
    /// # Errors
    /// None of the changes was made. The storage may be used again; it checks itself first (OUTBOX G12).
    fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError>;

    /// What it holds, ordered by kind and id: all that is durable, and nothing else.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    fn records(&mut self) -> Result<Vec<Record>, StoreError>;

    /// Nothing was written for a second: a good moment for housekeeping. Must not lose anything.
    fn rest(&mut self) {}
}
