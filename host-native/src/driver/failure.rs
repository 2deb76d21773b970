//! What becomes of everything in flight when the machine fails: answered, broken off, or asked once more.
//! Nothing that was accepted is lost, since that is in the store (B-5.9).

use std::time::Duration;

use http::Response;
use relay_mcp_core::{Command, ExchangeId, Input, Machine, Method, Reply, Sent, failure};

use super::answer::AgentBody;
use super::life::{MOMENT, State};
use super::perform::with_head;
use super::tables::{Asked, Exchange, ReplyTo, Tables};
use super::{Core, Driver, Taken, lock};

/// What a runner is told who asked for something that the machine may have done.
const BROKEN_OFF: &str =
    "the proxy's machine failed while it did this: whether it was done is not known, look and ask again";
/// What a runner is told while there is no machine.
const NO_MACHINE: &str =
    "the proxy's machine failed and is not open again yet: the log says why; ask again in a moment";

impl<M: Machine + Send + 'static> Driver<M> {
    /// A step failed, so it has not happened, and the machine is gone with all that it knew but did not store.
    /// What its inputs were is in flight like everything else that it was told of; what came later waits for
    /// the next machine.
    pub(super) fn fail(&self, core: &mut Core<M>, fault: &str, taken: Taken) {
        let wait = core.pace.failed();
        tracing::error!(fault, "the machine failed: what was in flight is answered with an error");
        self.0.metrics.machine_failed();
        self.0.alarm.set(None);
        core.machine = State::Opening;
        core.life = core.life.next();
        for call in core.tables.calls.ids() {
            self.cancel(&mut core.tables, call);
        }
        end_exchanges(core, taken);
        self.forget_old_names(core, taken);
        self.open_after(core, wait);
    }

    /// The machine could not be opened.
    pub(super) fn fail_to_open(&self, core: &mut Core<M>, reason: &str) {
        let wait = core.pace.failed();
        tracing::error!(reason, "the machine could not be opened again");
        self.0.metrics.machine_failed();
        self.open_after(core, wait);
    }

    /// Has the machine opened again, at once or after a wait. Nobody is kept waiting for long.
    fn open_after(&self, core: &mut Core<M>, wait: Duration) {
        if wait.is_zero() {
            return core.reload();
        }
        if wait > MOMENT {
            self.turn_away(core);
        }
        let driver = self.clone();
        self.0.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            lock(&driver.0.core).reload();
        });
    }

    /// Answers all that waits for a machine, and, from here on, what comes.
    pub(super) fn turn_away(&self, core: &mut Core<M>) {
        core.machine = State::Away;
        let waiting = std::mem::take(&mut lock(&self.0.inbox).inputs);
        for input in waiting {
            match input {
                Input::Request { exchange, .. } => {
                    if let Some(known) = core.tables.exchanges.remove(exchange) {
                        end(*known, Sent::No);
                    }
                }
                Input::Command { command, .. } => {
                    if let Some(asked) = core.tables.questions.remove(&command) {
                        refuse(asked, NO_MACHINE);
                    }
                }
                Input::Tick
                | Input::AgentGone { .. }
                | Input::RelayHead { .. }
                | Input::Passed { .. }
                | Input::RelayChunk { .. }
                | Input::RelayEnd { .. }
                | Input::RelayFailed { .. }
                | Input::Durable { .. }
                | Input::StoreFailed { .. } => {}
            }
        }
    }

    /// Drops the inputs that name what the machine named, and puts to the next one what it can be asked again.
    fn forget_old_names(&self, core: &mut Core<M>, taken: Taken) {
        let mut inbox = lock(&self.0.inbox);
        inbox.life = core.life;
        inbox.inputs.retain(is_of_the_host);
        let mut again = Vec::new();
        for command in core.tables.questions.keys().copied().collect::<Vec<_>>() {
            if command.0 > taken.now {
                continue;
            }
            let Some(mut asked) = core.tables.questions.remove(&command) else { continue };
            if asked.was_repeated || !is_repeatable(&asked.command) {
                refuse(asked, BROKEN_OFF);
            } else if !asked.reply.is_closed() {
                asked.was_repeated = true;
                again.push(Input::Command { command, request: asked.command.clone() });
                core.tables.questions.insert(command, asked);
            }
        }
        inbox.inputs.splice(0..0, again);
    }
}

/// Ends the exchanges that the machine was told of. What the failed step took was neither sent nor stored.
fn end_exchanges<M>(core: &mut Core<M>, taken: Taken) {
    let was_told = |exchange: &ExchangeId| exchange.0 <= taken.now;
    for exchange in core.tables.exchanges.ids().into_iter().filter(was_told) {
        let Some(known) = core.tables.exchanges.remove(exchange) else { continue };
        end(*known, if exchange.0 > taken.before { Sent::No } else { Sent::Unknown });
    }
}

/// An answer that has begun is broken off, so that whoever reads it connects again (B-7.1).
fn end(known: Exchange, sent: Sent) {
    match known.reply {
        ReplyTo::Head(reply) => reply.send(answer(known.method, &known.body, sent)),
        ReplyTo::Body(pipe) => pipe.break_off(),
    }
}

/// The answer in place of the machine's.
pub(super) fn answer(method: Method, body: &[u8], sent: Sent) -> Response<AgentBody> {
    let (head, body) = failure::answer(method, body, sent);
    with_head(&Tables::default(), &head, body)
}

/// Whoever asks is told why not.
fn refuse(asked: Asked, sentence: &str) {
    // An asker that is gone needs no reply.
    let _ = asked.reply.send(Reply::Refused(sentence.into()));
}

/// The same while there is no machine.
pub(super) fn refuse_for_now(asked: Asked) {
    refuse(asked, NO_MACHINE);
}

/// Whether an input makes sense to the next machine: the host named what it is about.
fn is_of_the_host(input: &Input) -> bool {
    match input {
        Input::Request { .. } | Input::AgentGone { .. } | Input::Command { .. } => true,
        // The next machine begins with a tick of its own.
        Input::Tick
        | Input::RelayHead { .. }
        | Input::Passed { .. }
        | Input::RelayChunk { .. }
        | Input::RelayEnd { .. }
        | Input::RelayFailed { .. }
        | Input::Durable { .. }
        | Input::StoreFailed { .. } => false,
    }
}

/// Whether a command that may have been done can be put to the next machine, with the same effect and reply.
fn is_repeatable(command: &Command) -> bool {
    match command {
        Command::SetContext(_)
        | Command::Refresh
        | Command::TokenChanged
        | Command::Status
        | Command::ListOutbox
        | Command::ShowWrite(_)
        | Command::RetryWrite(_)
        | Command::Drain => true,
        // Where it was done, there is no such write any more.
        Command::DiscardWrite(_) => false,
    }
}
