//! The commands that speak to a running proxy (B-10): each asks the control API, and prints what it said
//! for people, or with `json` exactly as it came.

mod age;
mod context;
mod error;
mod offline;
pub mod outbox;
mod print;
mod refresh;
mod status;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod view;

pub use context::context;
pub use error::CommandError;
pub use offline::Offline;
pub use refresh::refresh;
pub use status::status;
pub use target::Target;
