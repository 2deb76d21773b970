//! Configuration: flags over environment over file over default (B-10, B-11).

mod address;
mod component;
mod environment;
mod error;
mod file;
mod flags;
mod layers;
mod limits;
mod lists;
mod log;
mod machine;
mod resolve;
mod source;
#[cfg(test)]
mod tests;
pub(crate) mod units;
mod url;

pub use address::control_address;
pub use component::ComponentSettings;
pub use environment::Environment;
pub use error::ConfigError;
pub use flags::ServeArgs;
pub use log::Log;
pub use resolve::{Resolved, data_dir, resolve};
pub use source::Source;
pub use url::relay_url;
