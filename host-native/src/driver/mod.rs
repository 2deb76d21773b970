//! The driver: feeds a machine and does what it says. It decides nothing.
//!
//! Every input goes through [`Driver::feed`]: one step at a time, the actions of a step done in their order
//! before the next begins, so that what is persisted stands before what is answered.
//!
//! Where the machine fails, as a component may, it is opened again from the store ([`reopen`]), and what was in
//! flight is answered with an error ([`failure`]).

mod answer;
mod apart;
mod by_id;
mod call;
mod exchange;
mod failure;
mod life;
mod pass_on;
mod perform;
mod reopen;
mod tables;
mod wake;
mod way_back;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use relay_mcp_core::{CallId, Command, CommandId, Config, Input, Machine, Reply, Timestamp};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock::Clock;
use crate::engine::Engine;
use crate::handle::Question;
use crate::relay_client::RelayClient;
use crate::store::{Store, StoreEvent};
use crate::telemetry::{Metrics, together};

pub use answer::{AgentBody, BrokenOff, Room};
use by_id::ById;
pub use exchange::Admitted;
use life::{Life, Pace, State};
pub use reopen::End;
use tables::{Asked, Call, Tables};
use wake::Alarm;

/// What the driver works with.
pub struct Parts<M> {
    /// What made the machine, and makes it again where it fails.
    pub engine: Engine<M>,
    /// The machine's configuration.
    pub config: Config,
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
    engine: Engine<M>,
    config: Config,
    relay: RelayClient,
    clock: Clock,
    metrics: Metrics,
    alarm: Alarm,
    runtime: Runtime,
    /// Why there will be no machine again.
    end: Mutex<Option<End>>,
    has_ended: Notify,
}

/// What came in and was not stepped yet. Whoever finds nobody at it steps for all; while there is no machine,
/// that is whoever opens the next one.
#[derive(Default)]
struct Inbox {
    inputs: Vec<Input>,
    is_stepping: bool,
    /// As the core has it, so that no input of an earlier one gets in.
    life: Life,
}

/// The machine, and what its ids stand for.
struct Core<M> {
    machine: State<M>,
    life: Life,
    pace: Pace,
    tables: Tables,
    /// When it was stepped last.
    stepped: Timestamp,
    /// The last exchange or command that a step took.
    taken: u64,
    /// What the runner said of the agent's context, and whether the end has begun: what a machine is told again
    /// that is opened in place of another.
    context: BTreeMap<String, bool>,
    is_draining: bool,
    store: Option<Store>,
}

/// The exchanges and commands that the machine was told of.
#[derive(Clone, Copy)]
struct Taken {
    /// Up to this one by the steps before this one.
    before: u64,
    /// Up to this one by this step.
    now: u64,
}

impl<M> Core<M> {
    /// The calls of this life, unless it is over.
    fn calls_of(&mut self, life: Life) -> Option<&mut ById<CallId, Call>> {
        (self.life == life).then_some(&mut self.tables.calls)
    }

    /// Has the store read, unless it is closed.
    fn reload(&self) {
        if let Some(store) = &self.store {
            store.reload();
        }
    }
}

impl<M> Clone for Driver<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Machine + Send + 'static> Driver<M> {
    /// Puts a machine to work on the current runtime. What it had to do already is begun at once.
    pub fn start(machine: M, parts: Parts<M>) -> Self {
        let (store, acknowledged) = parts.store;
        let mut pace = Pace::default();
        pace.opened();
        let core = Core {
            machine: State::Open(machine),
            life: Life::default(),
            pace,
            tables: Tables::default(),
            stepped: parts.clock.now(),
            taken: 0,
            context: BTreeMap::new(),
            is_draining: false,
            store: Some(store),
        };
        let driver = Self(Arc::new(Inner {
            inbox: Mutex::default(),
            core: Mutex::new(core),
            engine: parts.engine,
            config: parts.config,
            relay: parts.relay,
            clock: parts.clock,
            metrics: parts.metrics,
            alarm: Alarm::default(),
            runtime: Runtime::current(),
            end: Mutex::default(),
            has_ended: Notify::new(),
        }));
        tokio::spawn(driver.clone().acknowledge(acknowledged));
        tokio::spawn(driver.clone().wake());
        driver.feed(Input::Tick);
        driver
    }

    /// Tells the machine what happened, and does what it says. Never blocks for long; may be called from
    /// anywhere, even from what a step sets off: the input then waits for that step to end.
    fn feed(&self, input: Input) {
        if self.push(input) {
            self.step_all();
        }
    }

    /// The same about what the machine began in this life, if that is not over.
    fn feed_of(&self, life: Life, inputs: impl IntoIterator<Item = Input>) {
        if self.push_of(life, inputs) {
            self.step_all();
        }
    }

    /// Puts an input in. Whether whoever did must step.
    fn push(&self, input: Input) -> bool {
        lock(&self.0.inbox).put([input])
    }

    /// The same about what the machine began in this life.
    fn push_of(&self, life: Life, inputs: impl IntoIterator<Item = Input>) -> bool {
        let mut inbox = lock(&self.0.inbox);
        inbox.life == life && inbox.put(inputs)
    }

    fn step_all(&self) {
        let mut core = lock(&self.0.core);
        loop {
            // With the core held: whatever became of the calls until now is among them.
            let inputs = lock(&self.0.inbox).take();
            if inputs.is_empty() || !self.step(&mut core, inputs) {
                return;
            }
        }
    }

    /// Whether there is a machine to go on with.
    fn step(&self, core: &mut Core<M>, inputs: Vec<Input>) -> bool {
        let State::Open(machine) = &mut core.machine else { return false };
        let before = core.taken;
        core.taken = inputs.iter().filter_map(named).fold(before, u64::max);
        core.stepped = self.0.clock.now();
        match machine.step(core.stepped, inputs) {
            Ok(actions) => {
                let wakeup = machine.next_wakeup();
                together(|| actions.into_iter().for_each(|action| self.perform(core, action)));
                self.0.alarm.set(wakeup.map(|wakeup| wakeup.at));
                true
            }
            Err(fault) => {
                let fault = fault.to_string();
                self.fail(core, &fault, Taken { before, now: core.taken });
                false
            }
        }
    }

    /// Why there will be no machine again, as soon as that is so.
    pub async fn ended(&self) -> End {
        loop {
            self.0.has_ended.notified().await;
            if let Some(end) = lock(&self.0.end).take() {
                return end;
            }
        }
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
        let request = question.command.clone();
        let asked = Asked { command: question.command, reply: question.reply, was_repeated: false };
        let must_step = {
            let mut core = lock(&self.0.core);
            core.is_draining |= matches!(request, Command::Drain);
            if matches!(core.machine, State::Away) {
                return failure::refuse_for_now(asked);
            }
            let command = CommandId(core.tables.next_id());
            core.tables.questions.insert(command, asked);
            self.push(Input::Command { command, request })
        };
        if must_step {
            self.step_all();
        }
    }

    /// Puts the runner's questions to the machine until nobody can ask any more.
    pub async fn answer_questions(self, mut asked: mpsc::UnboundedReceiver<Question>) {
        while let Some(question) = asked.recv().await {
            self.put_question(question);
        }
    }

    async fn acknowledge(self, mut events: mpsc::UnboundedReceiver<StoreEvent>) {
        let mut life = Life::default();
        while let Some(event) = events.recv().await {
            match event {
                StoreEvent::Durable { through, took, batches: _ } => {
                    self.0.metrics.store_synced(took);
                    self.feed_of(life, [Input::Durable { through }]);
                }
                StoreEvent::Failed { through, reason } => {
                    self.feed_of(life, [Input::StoreFailed { through, reason }]);
                }
                StoreEvent::Reloaded(records) => life = self.reopen(records).await.unwrap_or(life),
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

impl Inbox {
    /// Takes inputs in. Whether nobody is at it yet.
    fn put(&mut self, inputs: impl IntoIterator<Item = Input>) -> bool {
        self.inputs.extend(inputs);
        !std::mem::replace(&mut self.is_stepping, true)
    }

    /// Gives what there is to whoever steps.
    fn take(&mut self) -> Vec<Input> {
        self.is_stepping = !self.inputs.is_empty();
        std::mem::take(&mut self.inputs)
    }
}

/// The exchange or command that an input begins.
fn named(input: &Input) -> Option<u64> {
    match input {
        Input::Request { exchange, .. } => Some(exchange.0),
        Input::Command { command, .. } => Some(command.0),
        Input::Tick
        | Input::AgentGone { .. }
        | Input::RelayHead { .. }
        | Input::Passed { .. }
        | Input::RelayChunk { .. }
        | Input::RelayEnd { .. }
        | Input::RelayFailed { .. }
        | Input::Durable { .. }
        | Input::StoreFailed { .. } => None,
    }
}

/// A lock whose holder panicked guards nothing that another panic would not show again.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
