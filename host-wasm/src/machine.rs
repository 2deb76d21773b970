//! One machine in the sandbox.

use std::sync::Arc;

use relay_mcp_core::{Action, Input, Machine, OpenError, Timestamp, Wakeup};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::bindings::Core;
use crate::sandbox::State;
use crate::watch::Watch;
use crate::{inbound, outbound};

/// A machine that runs as a component.
pub struct ComponentMachine {
    store: Store<State>,
    core: Core,
    proxy: ResourceAny,
    watch: Arc<Watch>,
    wakeup: Option<Wakeup>,
}

/// How a component fails: the machine is gone, and has to be opened again from the store.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It broke a rule of its own, took too long, or wanted more memory than it may have.
    #[error("the component failed: {}", first_line(.0))]
    Trap(#[from] wasmtime::Error),
    /// It does not take what the store holds.
    #[error(transparent)]
    Refused(OpenError),
}

impl ComponentMachine {
    pub(crate) fn new(store: Store<State>, core: Core, proxy: ResourceAny, watch: Arc<Watch>) -> Self {
        Self { store, core, proxy, watch, wakeup: None }
    }
}

impl Machine for ComponentMachine {
    type Fault = Fault;

    fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Vec<Action>, Fault> {
        let inputs: Vec<_> = inputs.into_iter().map(inbound::input).collect();
        let guest = self.core.relay_mcp_proxy_machine().proxy();
        let proxy = self.proxy;
        let outcome =
            self.watch.step(&mut self.store, |store| guest.call_step(store, proxy, now.0, &inputs))?;
        self.wakeup = outcome.wakeup.map(outbound::wakeup);
        Ok(outcome.actions.into_iter().map(outbound::action).collect())
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.wakeup
    }
}

/// What went wrong, without the component's stack.
fn first_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().lines().next().unwrap_or_default().to_owned()
}
