//! One machine in the sandbox.

use std::sync::Arc;

use relay_mcp_core::{Action, Input, Machine, OpenError, Timestamp, Wakeup};
use wasmtime::component::ResourceAny;
use wasmtime::{Store, Trap};

use crate::contract::{Breach, Contract};
use crate::entry::Entry;
use crate::sandbox::State;
use crate::watch::Watch;
use crate::{inbound, outbound};

/// A machine that runs as a component.
pub struct ComponentMachine {
    store: Store<State>,
    entry: Entry,
    proxy: ResourceAny,
    watch: Arc<Watch>,
    contract: Contract,
    wakeup: Option<Wakeup>,
}

/// How a component fails: the machine is gone, and has to be opened again from the store.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It trapped, took too long, or wanted more memory than it may have.
    #[error("the component failed: {}", first_line(.0))]
    Trap(#[from] wasmtime::Error),
    /// It said something that it may not say.
    #[error("the component broke a rule: {0}")]
    Breach(#[from] Breach),
    /// It does not take what the store holds.
    #[error(transparent)]
    Refused(OpenError),
}

impl ComponentMachine {
    pub(crate) fn new(
        store: Store<State>,
        entry: Entry,
        proxy: ResourceAny,
        watch: Arc<Watch>,
        contract: Contract,
    ) -> Self {
        Self { store, entry, proxy, watch, contract, wakeup: None }
    }
}

impl Machine for ComponentMachine {
    type Fault = Fault;

    fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Vec<Action>, Fault> {
        let step = self.contract.begin(now, &inputs);
        let inputs: Vec<_> = inputs.into_iter().map(inbound::input).collect();
        let (entry, proxy) = (&self.entry, self.proxy);
        let outcome = self.watch.step(&mut self.store, |store| entry.step(store, proxy, now, &inputs))?;
        let actions: Vec<_> = outcome.actions.into_iter().map(outbound::action).collect();
        let wakeup = outcome.wakeup.map(outbound::wakeup);
        self.contract.check(step, &actions, wakeup)?;
        self.wakeup = wakeup;
        Ok(actions)
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.wakeup
    }
}

/// What went wrong, without the component's stack.
fn first_line(error: &wasmtime::Error) -> String {
    if let Some(Trap::Interrupt) = error.downcast_ref() {
        return "a step took longer than it may".into();
    }
    error.root_cause().to_string().lines().next().unwrap_or_default().to_owned()
}
