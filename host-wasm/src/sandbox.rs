//! The sandbox: which components are let in, and how much of this process each machine may use.

use std::sync::Arc;
use std::time::Duration;

use relay_mcp_core::{Config, Record, Timestamp};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

use crate::bindings::CorePre;
use crate::cache::Cache;
use crate::machine::{ComponentMachine, Fault};
use crate::watch::Watch;
use crate::{inbound, outbound};

/// How much a machine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest that a step may take.
    pub step: Duration,
    /// The most memory that it may hold, in bytes.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { step: Duration::from_secs(2), memory: 256 << 20 }
    }
}

/// Why a component is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no component, or one that this wasmtime cannot run.
    #[error("this is no component that can be run: {0:#}")]
    Unusable(wasmtime::Error),
    /// It asks for something, or does not offer the machine of this version.
    #[error("the component does not fit relay:mcp-proxy@0.1.0: {0:#}")]
    Unfit(wasmtime::Error),
}

/// A component, compiled and checked, from which machines are made.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    component: CorePre<State>,
    limits: Limits,
    watch: Arc<Watch>,
}

/// What the host keeps for a machine: the account of its memory, and nothing that it could ask for.
pub(crate) struct State {
    limits: StoreLimits,
}

impl Sandbox {
    /// Compiles a component, or finds it compiled, and checks that it fits: it offers the machine, and asks for nothing.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn new(component: &[u8], limits: Limits, cache: &Cache) -> Result<Self, Refusal> {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let engine = Engine::new(&config).map_err(Refusal::Unusable)?;
        let component = cache.component(&engine, component).map_err(Refusal::Unusable)?;
        let linker = Linker::new(&engine);
        let fits = linker.instantiate_pre(&component).and_then(CorePre::new).map_err(Refusal::Unfit)?;
        let watch = Arc::new(Watch::over(&engine, limits.step));
        Ok(Self { engine, component: fits, limits, watch })
    }

    /// Opens a machine of its own, with what the store holds.
    ///
    /// # Errors
    /// When the component refuses a record, or fails.
    pub fn open(
        &self,
        config: &Config,
        seed: [u8; 32],
        now: Timestamp,
        records: Vec<Record>,
    ) -> Result<ComponentMachine, Fault> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.limits.memory)
            .memories(1)
            .tables(2)
            .table_elements(10_000)
            .instances(4)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(&self.engine, State { limits });
        store.limiter(|state| &mut state.limits);
        store.epoch_deadline_trap();
        let core = self.watch.step(&mut store, |store| self.component.instantiate(store))?;
        let records: Vec<_> = records.into_iter().map(inbound::record).collect();
        let config = inbound::config(config);
        let guest = core.relay_mcp_proxy_machine().proxy();
        let opened =
            self.watch.step(&mut store, |store| guest.call_open(store, &config, &seed, now.0, &records))?;
        let proxy = opened.map_err(|error| Fault::Refused(outbound::open_error(error)))?;
        Ok(ComponentMachine::new(store, core, proxy, Arc::clone(&self.watch)))
    }
}
