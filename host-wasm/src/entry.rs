//! The two functions of a component, however it has to be entered.

use relay_mcp_core::Timestamp;
use wasmtime::Store;
use wasmtime::component::{Func, Instance, ResourceAny};

use crate::bindings::{Core, CorePre};
use crate::sandbox::State;
use crate::{wasi, wit};

/// The interface, and its functions.
const MACHINE: &str = "relay:mcp-proxy/machine@0.1.0";
const OPEN: &str = "[static]proxy.open";
const STEP: &str = "[method]proxy.step";

type Opened = Result<ResourceAny, wit::OpenError>;

/// A component, instantiated.
pub(crate) enum Entry {
    /// One that imports nothing is called as it is.
    Plain(Core),
    /// What WASI offers may wait, so a component on top of it runs on a stack of its own.
    OnWasi { open: Func, step: Func },
}

impl Entry {
    pub(crate) fn new(
        component: &CorePre<State>,
        is_on_wasi: bool,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Self> {
        if !is_on_wasi {
            return component.instantiate(store).map(Self::Plain);
        }
        let instance = wasi::at_once(component.instance_pre().instantiate_async(&mut *store))?;
        let (open, step) = (function(&instance, store, OPEN)?, function(&instance, store, STEP)?);
        Ok(Self::OnWasi { open, step })
    }

    pub(crate) fn open(
        &self,
        store: &mut Store<State>,
        config: &wit::Config,
        seed: &[u8],
        now: Timestamp,
        records: &[wit::Stored],
    ) -> wasmtime::Result<Opened> {
        match self {
            Self::Plain(core) => {
                core.relay_mcp_proxy_machine().proxy().call_open(store, config, seed, now.0, records)
            }
            Self::OnWasi { open, .. } => {
                let open = open.typed::<(&wit::Config, &[u8], u64, &[wit::Stored]), (Opened,)>(&*store)?;
                Ok(wasi::at_once(open.call_async(store, (config, seed, now.0, records)))?.0)
            }
        }
    }

    pub(crate) fn step(
        &self,
        store: &mut Store<State>,
        proxy: ResourceAny,
        now: Timestamp,
        inputs: &[wit::Input],
    ) -> wasmtime::Result<wit::Outcome> {
        match self {
            Self::Plain(core) => {
                core.relay_mcp_proxy_machine().proxy().call_step(store, proxy, now.0, inputs)
            }
            Self::OnWasi { step, .. } => {
                let step = step.typed::<(ResourceAny, u64, &[wit::Input]), (wit::Outcome,)>(&*store)?;
                Ok(wasi::at_once(step.call_async(store, (proxy, now.0, inputs)))?.0)
            }
        }
    }
}

fn function(instance: &Instance, store: &mut Store<State>, name: &str) -> wasmtime::Result<Func> {
    let machine = instance.get_export_index(&mut *store, None, MACHINE);
    let function = instance.get_export_index(&mut *store, machine.as_ref(), name);
    let function = function.and_then(|index| instance.get_func(store, index));
    function.ok_or_else(|| wasmtime::Error::msg(format!("it does not offer {name}")))
}
