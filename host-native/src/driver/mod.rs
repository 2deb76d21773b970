//! The driver: feeds a machine and does what it says. It decides nothing.
//!
//! Every input goes through [`Driver::feed`]: one step at a time, the actions of a step done in their order
//! before the next begins, so that what is persisted stands before what is answered.

mod answer;
mod call;
mod exchange;
mod perform;
mod tables;
mod wake;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use relay_mcp_core::{Command, CommandId, Input, Machine, Reply};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::handle::Question;
use crate::relay_client::RelayClient;
use crate::store::{Store, StoreEvent};
use crate::telemetry::Metrics;

pub use answer::{AgentBody, BrokenOff, Room};
pub use exchange::Admitted;
use tables::Tables;
use wake::Alarm;

/// What the driver works with.
pub struct Parts {
    /// The relay.
    pub relay: RelayClient,
    /// The store, opened, and its acknowledgements.
    pub store: (Store, mpsc::UnboundedReceiver<StoreEvent>),
    /// The time.
    pub clock: Clock,
    /// The counters.
    pub metrics: Metrics,
}

/// A machine at work. Cheap to clone; all clones are the same one.
pub struct Driver<M>(Arc<Inner<M>>);

struct Inner<M> {
    inbox: Mutex<Inbox>,
    core: Mutex<Core<M>>,
    relay: RelayClient,
    clock: Clock,
    metrics: Metrics,
    alarm: Alarm,
    runtime: Runtime,
    /// Why the machine failed, once it has.
    fault: watch::Sender<Option<String>>,
}

/// What came in and was not stepped yet. Whoever finds nobody at it steps for all.
#[derive(Default)]
struct Inbox {
    inputs: Vec<Input>,
    is_stepping: bool,
}

/// The machine, and what its ids stand for.
struct Core<M> {
    /// None once it has failed.
    machine: Option<M>,
    tables: Tables,
    store: Option<Store>,
}

impl<M> Clone for Driver<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Machine + Send + 'static> Driver<M> {
    /// Puts a machine to work on the current runtime. What it had to do already is begun at once.
    pub fn start(machine: M, parts: Parts) -> Self {
        let (store, acknowledged) = parts.store;
        let core = Core { machine: Some(machine), tables: Tables::default(), store: Some(store) };
        let driver = Self(Arc::new(Inner {
            inbox: Mutex::default(),
            core: Mutex::new(core),
            relay: parts.relay,
            clock: parts.clock,
            metrics: parts.metrics,
            alarm: Alarm::default(),
            runtime: Runtime::current(),
            fault: watch::Sender::new(None),
        }));
        tokio::spawn(driver.clone().acknowledge(acknowledged));
        tokio::spawn(driver.clone().wake());
        driver.feed(Input::Tick);
        driver
    }

    /// Tells the machine what happened, and does what it says. Never blocks for long; may be called from
    /// anywhere, even from what a step sets off: the input then waits for that step to end.
    fn feed(&self, input: Input) {
        {
            let mut inbox = lock(&self.0.inbox);
            inbox.inputs.push(input);
            if std::mem::replace(&mut inbox.is_stepping, true) {
                return;
            }
        }
        loop {
            let inputs = {
                let mut inbox = lock(&self.0.inbox);
                inbox.is_stepping = !inbox.inputs.is_empty();
                std::mem::take(&mut inbox.inputs)
            };
            if inputs.is_empty() {
                return;
            }
            self.step(inputs);
        }
    }

    fn step(&self, inputs: Vec<Input>) {
        let mut core = lock(&self.0.core);
        let core = &mut *core;
        let Some(machine) = &mut core.machine else { return };
        match machine.step(self.0.clock.now(), inputs) {
            Ok(actions) => {
                for action in actions {
                    self.perform(core, action);
                }
            }
            Err(fault) => return self.give_up(core, fault.to_string()),
        }
        self.0.alarm.set(core.machine.as_ref().and_then(M::next_wakeup).map(|wakeup| wakeup.at));
    }

    /// The machine failed, and what it knew went with it, but for what is in the store: nothing that it began
    /// can be ended in order.
    fn give_up(&self, core: &mut Core<M>, fault: String) {
        tracing::error!(fault, "the machine failed: everything in flight is broken off");
        core.machine = None;
        for call in std::mem::take(&mut core.tables).calls.into_values() {
            call.task.abort();
        }
        self.0.fault.send_replace(Some(fault));
    }

    /// Why the machine failed, as soon as it does.
    pub async fn fault(&self) -> String {
        let mut fault = self.0.fault.subscribe();
        let failed = fault.wait_for(Option::is_some).await;
        failed.map(|fault| fault.clone().unwrap_or_default()).unwrap_or_default()
    }

    /// Asks the machine, on the runner's behalf.
    ///
    /// The reply comes when the command is done, which may be after a call to the relay.
    pub async fn ask(&self, request: Command) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        self.put_question(Question { command: request, reply });
        answer.await.ok()
    }

    fn put_question(&self, question: Question) {
        let command = {
            let mut core = lock(&self.0.core);
            let command = CommandId(core.tables.next_id());
            core.tables.questions.insert(command, question.reply);
            command
        };
        self.feed(Input::Command { command, request: question.command });
    }

    /// Puts the runner's questions to the machine until nobody can ask any more.
    pub async fn answer_questions(self, mut asked: mpsc::UnboundedReceiver<Question>) {
        while let Some(question) = asked.recv().await {
            self.put_question(question);
        }
    }

    async fn acknowledge(self, mut events: mpsc::UnboundedReceiver<StoreEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                StoreEvent::Durable { through, took, batches: _ } => {
                    self.0.metrics.store_synced(took);
                    self.feed(Input::Durable { through });
                }
                StoreEvent::Failed { through, reason } => self.feed(Input::StoreFailed { through, reason }),
            }
        }
    }

    /// Writes what is left to write, and closes the store. Blocks for as long as a commit takes.
    pub fn close_store(&self) {
        let store = lock(&self.0.core).store.take();
        if let Some(store) = store {
            store.close();
        }
    }
}

/// A lock whose holder panicked guards nothing that another panic would not show again.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
