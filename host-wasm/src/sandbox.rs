//! The sandbox: which components are let in, and how much of this process each machine may use.

use std::sync::Arc;

use relay_mcp_core::{Config, Record, Timestamp};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store, StoreLimits};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::bindings::CorePre;
use crate::cache::Cache;
use crate::contract::Contract;
use crate::entry::Entry;
use crate::limits::Limits;
use crate::machine::{ComponentMachine, Fault};
use crate::wasi::{self, Imports, Nothing};
use crate::watch::Watch;
use crate::{inbound, outbound};

/// Why a component is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no component, or one that this wasmtime cannot run.
    #[error("this is no component that can be run: {0:#}")]
    Unusable(wasmtime::Error),
    /// It asks for something that nobody gets.
    #[error("the component asks for {0}: it may import WASI 0.2, which grants it nothing, and nothing else")]
    NotGranted(String),
    /// It does not offer the machine of this version.
    #[error("the component does not fit relay:mcp-proxy@0.1.0: {0:#}")]
    Unfit(wasmtime::Error),
}

/// A component, compiled and checked, from which machines are made.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    component: CorePre<State>,
    is_on_wasi: bool,
    limits: Limits,
    watch: Arc<Watch>,
}

/// What the host keeps for a machine: the account of its memory, and an empty system.
pub(crate) struct State {
    limits: StoreLimits,
    nothing: Nothing,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.nothing.view()
    }
}

impl Sandbox {
    /// Compiles a component, or finds it compiled, and checks that it fits: it offers the machine, and asks for
    /// nothing, or for nothing but WASI.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn new(component: &[u8], limits: Limits, cache: &Cache) -> Result<Self, Refusal> {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        // Nothing in it is async.
        config.concurrency_support(false);
        let engine = Engine::new(&config).map_err(Refusal::Unusable)?;
        let component = cache.component(&engine, component).map_err(Refusal::Unusable)?;
        let mut linker = Linker::new(&engine);
        let is_on_wasi = match Imports::of(&component, &engine) {
            Imports::Nothing => false,
            Imports::Wasi => {
                wasi::link(&mut linker).map_err(Refusal::Unfit)?;
                true
            }
            Imports::Other(name) => return Err(Refusal::NotGranted(name)),
        };
        let fits = linker.instantiate_pre(&component).and_then(CorePre::new).map_err(Refusal::Unfit)?;
        let watch = Arc::new(Watch::over(&engine, limits.step));
        Ok(Self { engine, component: fits, is_on_wasi, limits, watch })
    }

    /// The names of what the component imports: nothing, or interfaces of WASI.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        wasi::names(self.component.instance_pre().component(), &self.engine)
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
        let state = State { limits: self.limits.of_store(), nothing: Nothing::default() };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(self.limits.memory);
        store.epoch_deadline_trap();
        let contract = Contract::new(config, &records);
        let entry =
            self.watch.step(&mut store, |store| Entry::new(&self.component, self.is_on_wasi, store))?;
        let records: Vec<_> = records.into_iter().map(inbound::record).collect();
        let config = inbound::config(config);
        let opened = self.watch.step(&mut store, |store| entry.open(store, &config, &seed, now, &records))?;
        let proxy = opened.map_err(|error| Fault::Refused(outbound::open_error(error)))?;
        Ok(ComponentMachine::new(store, entry, proxy, Arc::clone(&self.watch), contract))
    }
}
