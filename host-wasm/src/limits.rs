//! How much of this process a machine may use.

use std::fmt;
use std::time::Duration;

use relay_mcp_host_native::config::ComponentSettings;
use wasmtime::{StoreLimits, StoreLimitsBuilder};

/// How much a machine may use. More is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest that a step may take.
    pub step: Duration,
    /// The most memory that it may hold, in bytes; what a step says may be as large.
    pub memory: usize,
    /// The most elements of each of its tables.
    pub table_elements: usize,
    /// The most instances of modules that it may be made of.
    pub instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { step: Duration::from_secs(2), memory: 256 << 20, table_elements: 10_000, instances: 16 }
    }
}

impl Limits {
    /// These settings, and what ships for those that are not given.
    #[must_use]
    pub fn of(settings: &ComponentSettings) -> Self {
        let ships = Self::default();
        Self {
            step: settings.step_time.unwrap_or(ships.step),
            memory: settings.memory.unwrap_or(ships.memory),
            table_elements: settings.table_elements.unwrap_or(ships.table_elements),
            instances: settings.instances.unwrap_or(ships.instances),
        }
    }

    /// For one machine. A module has a table or two, and all share one memory.
    pub(crate) fn of_store(&self) -> StoreLimits {
        StoreLimitsBuilder::new()
            .memory_size(self.memory)
            .memories(1)
            .tables(2 * self.instances)
            .table_elements(self.table_elements)
            .instances(self.instances)
            .trap_on_grow_failure(true)
            .build()
    }
}

/// As `check` says it.
impl fmt::Display for Limits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, memory, table_elements, instances } = self;
        write!(
            out,
            "step {}ms, memory {memory} bytes, {table_elements} table elements, {instances} instances",
            step.as_millis()
        )
    }
}
