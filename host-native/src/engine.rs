//! What runs the core: natively, or as a component.

use std::sync::Arc;

use relay_mcp_core::{Config, OpenError, Proxy, Record, Timestamp};

/// A way to run the core. Cheap to clone.
pub struct Engine<M> {
    name: &'static str,
    open: Arc<Open<M>>,
}

impl<M> Clone for Engine<M> {
    fn clone(&self) -> Self {
        Self { name: self.name, open: Arc::clone(&self.open) }
    }
}

/// Opens a machine: configuration, seed, time, and what the store holds.
type Open<M> =
    dyn Fn(Config, [u8; 32], Timestamp, Vec<Record>) -> Result<M, CannotOpen> + Send + Sync + 'static;

/// Why there is no machine.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// A record of the store is not one of ours.
    #[error(transparent)]
    Record(#[from] OpenError),
    /// The engine failed, as this sentence says.
    #[error("{0}")]
    Engine(String),
}

impl<M> Engine<M> {
    /// An engine; the status calls it by this name.
    pub fn new(
        name: &'static str,
        open: impl Fn(Config, [u8; 32], Timestamp, Vec<Record>) -> Result<M, CannotOpen> + Send + Sync + 'static,
    ) -> Self {
        Self { name, open: Arc::new(open) }
    }

    /// As the status names it: `native` or `component`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Opens a machine with what the store holds.
    ///
    /// # Errors
    /// When the store's records are not ours, or the engine fails.
    pub fn open(
        &self,
        config: Config,
        seed: [u8; 32],
        now: Timestamp,
        records: Vec<Record>,
    ) -> Result<M, CannotOpen> {
        (self.open)(config, seed, now, records)
    }
}

/// The core itself.
#[must_use]
pub fn native() -> Engine<Proxy> {
    Engine::new("native", |config, seed, now, records| Ok(Proxy::open(config, seed, now, records)?))
}

/// Randomness for a machine, of the operating system.
pub(crate) fn seed() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
    Ok(seed)
}
