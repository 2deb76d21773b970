//! The rules of `wit/README.md`, as the host holds a component to them: what it says is checked, action by action,
//! before anything of it is done. A breach is a fault: none of the step's actions is done, and the machine is gone.

mod breach;
mod headers;
mod records;

use std::collections::{BTreeMap, BTreeSet};

use relay_mcp_core::{
    Action, AnswerHead, CallBody, CallHeaders, CallId, CommandId, Config, ExchangeId, Input, Record,
    RelayRequest, Ticket, Timestamp, Wakeup,
};

pub use breach::Breach;
use breach::Breach::{
    Backwards, Crowd, NoChoice, NoStatus, NotBegun, Overdue, Query, Reused, TooMuch, Undecided, Unknown,
};
use records::Records;

/// What the component may speak of.
pub(crate) struct Contract {
    exchanges: BTreeMap<ExchangeId, Answer>,
    calls: BTreeMap<CallId, Call>,
    commands: BTreeSet<CommandId>,
    last_call: Option<CallId>,
    last_ticket: Option<Ticket>,
    /// The most exchanges that were open at once.
    most_exchanges: usize,
    records: Records,
}

/// How far the answer to the agent is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Awaited,
    Begun,
}

/// How far the relay's answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    /// A plain answer may go to this exchange.
    Awaited(Option<ExchangeId>),
    /// The step in which it begins decides what becomes of it.
    Begun,
    /// The component reads it, or did.
    Read,
}

/// What a step has to be checked against: what it was told.
pub(crate) struct Step {
    now: Timestamp,
    inputs: usize,
    begun: Vec<CallId>,
    failed: Vec<CallId>,
}

/// Calls that may be under way, for each exchange that was open, and for the machine's own purposes.
const CALLS: (usize, usize) = (4, 4096);
/// Actions that a step may consist of, for each thing that is open or was told, and beside those.
const ACTIONS: (usize, usize) = (32, 4096);

impl Contract {
    /// With a machine that is opened so.
    pub(crate) fn new(config: &Config, records: &[Record]) -> Self {
        Self {
            exchanges: BTreeMap::new(),
            calls: BTreeMap::new(),
            commands: BTreeSet::new(),
            last_call: None,
            last_ticket: None,
            most_exchanges: 0,
            records: Records::new(&config.limits, records),
        }
    }

    /// Notes what the component is told.
    pub(crate) fn begin(&mut self, now: Timestamp, inputs: &[Input]) -> Step {
        let mut step = Step { now, inputs: inputs.len(), begun: Vec::new(), failed: Vec::new() };
        for input in inputs {
            match input {
                Input::Request { exchange, .. } => {
                    self.exchanges.insert(*exchange, Answer::Awaited);
                }
                Input::RelayHead { call, .. } => {
                    if let Some(known @ Call::Awaited(_)) = self.calls.get_mut(call) {
                        *known = Call::Begun;
                        step.begun.push(*call);
                    }
                }
                Input::Passed { call } => {
                    if let Some(Call::Awaited(Some(exchange))) = self.calls.remove(call) {
                        self.exchanges.remove(&exchange);
                    }
                }
                // It may speak of the call until it has been told.
                Input::RelayFailed { call, .. } => step.failed.push(*call),
                Input::Command { command, .. } => {
                    self.commands.insert(*command);
                }
                Input::Durable { through } => self.records.durable(*through),
                Input::StoreFailed { through, .. } => self.records.failed(*through),
                // An exchange of an agent that is gone is open until its `abort`; the head of an answer that was
                // read is kept until `cancel`.
                Input::Tick | Input::AgentGone { .. } | Input::RelayChunk { .. } | Input::RelayEnd { .. } => {
                }
            }
        }
        self.most_exchanges = self.most_exchanges.max(self.exchanges.len());
        step
    }

    /// Checks what the component says.
    pub(crate) fn check(
        &mut self,
        step: Step,
        actions: &[Action],
        wakeup: Option<Wakeup>,
    ) -> Result<(), Breach> {
        let open = self.exchanges.len() + self.calls.len() + self.commands.len();
        if actions.len() > ACTIONS.0 * (open + step.inputs) + ACTIONS.1 {
            return Err(Crowd("actions in a step"));
        }
        actions.iter().try_for_each(|action| self.action(action))?;
        if let Some(call) = step.begun.iter().find(|call| self.calls.get(call) == Some(&Call::Begun)) {
            return Err(Undecided(call.0));
        }
        for call in step.failed {
            if self.calls.get(&call).is_some_and(|known| matches!(known, Call::Awaited(_))) {
                self.calls.remove(&call);
            }
        }
        if wakeup.is_some_and(|wakeup| wakeup.at <= step.now) {
            return Err(Overdue);
        }
        Ok(())
    }

    fn action(&mut self, action: &Action) -> Result<(), Breach> {
        match action {
            Action::Call { call, request, pass_to } => self.call(*call, request, *pass_to),
            Action::Splice { call, exchange, edits } => {
                self.choose("splice", *call)?;
                self.calls.remove(call);
                self.answer("splice", *exchange)?;
                headers::edits_toward_agent(edits)
            }
            Action::Read { call } => {
                self.choose("read", *call)?;
                self.calls.insert(*call, Call::Read);
                Ok(())
            }
            Action::Cancel { call } => {
                self.calls.remove(call).map(|_| ()).ok_or(Unknown("cancel", "call", call.0))
            }
            Action::Answer { exchange, head, .. } => {
                self.answer("answer", *exchange)?;
                self.head("answer", head)
            }
            Action::AnswerHead { exchange, head } => {
                self.answer("answer-head", *exchange)?;
                self.exchanges.insert(*exchange, Answer::Begun);
                self.head("answer-head", head)
            }
            Action::AnswerChunk { exchange, .. } => self.begun("answer-chunk", *exchange),
            Action::AnswerEnd { exchange } => {
                self.begun("answer-end", *exchange)?;
                self.exchanges.remove(exchange);
                Ok(())
            }
            Action::Abort { exchange } => {
                let known = self.exchanges.remove(exchange);
                known.map(|_| ()).ok_or(Unknown("abort", "exchange", exchange.0))
            }
            Action::Persist { ticket, changes } => {
                if self.last_ticket.replace(*ticket).is_some_and(|last| last >= *ticket) {
                    return Err(Backwards(ticket.0));
                }
                self.records.persist(*ticket, changes)
            }
            Action::Reply { command, .. } => {
                let known = self.commands.remove(command);
                known.then_some(()).ok_or(Unknown("reply", "command", command.0))
            }
            Action::Observe(_) => Ok(()),
        }
    }

    fn call(
        &mut self,
        call: CallId,
        request: &RelayRequest,
        pass_to: Option<ExchangeId>,
    ) -> Result<(), Breach> {
        if self.last_call.is_some_and(|last| last >= call) {
            return Err(Reused(call.0));
        }
        self.last_call = Some(call);
        if self.calls.len() >= CALLS.0 * self.most_exchanges + CALLS.1 {
            return Err(Crowd("calls under way"));
        }
        self.calls.insert(call, Call::Awaited(pass_to));
        pass_to.map_or(Ok(()), |exchange| self.kept(exchange))?;
        match &request.headers {
            CallHeaders::OfExchange(exchange) => self.kept(*exchange)?,
            CallHeaders::Own(own) => headers::toward_relay(own)?,
        }
        if let CallBody::OfExchange(exchange) = &request.body {
            self.kept(*exchange)?;
        }
        // What comes behind the `?` of the relay's address cannot change what is before it.
        let is_query = |query: &str| !query.contains(|c: char| c.is_control() || matches!(c, ' ' | '#'));
        if !request.query.as_deref().is_none_or(is_query) {
            return Err(Query);
        }
        headers::edits_toward_relay(&request.edits)
    }

    /// The agent's request is kept until the last action.
    fn kept(&self, exchange: ExchangeId) -> Result<(), Breach> {
        let is_known = self.exchanges.contains_key(&exchange);
        is_known.then_some(()).ok_or(Unknown("call", "exchange", exchange.0))
    }

    /// A decision about an answer that begins in this step.
    fn choose(&self, action: &'static str, call: CallId) -> Result<(), Breach> {
        match self.calls.get(&call) {
            Some(Call::Begun) => Ok(()),
            Some(Call::Awaited(_) | Call::Read) => Err(NoChoice(action, call.0)),
            None => Err(Unknown(action, "call", call.0)),
        }
    }

    /// The beginning of an answer, and, until it is said otherwise, the end of it.
    fn answer(&mut self, action: &'static str, exchange: ExchangeId) -> Result<(), Breach> {
        match self.exchanges.remove(&exchange) {
            Some(Answer::Awaited) => Ok(()),
            Some(Answer::Begun) => Err(TooMuch(action, exchange.0)),
            None => Err(Unknown(action, "exchange", exchange.0)),
        }
    }

    fn begun(&self, action: &'static str, exchange: ExchangeId) -> Result<(), Breach> {
        match self.exchanges.get(&exchange) {
            Some(Answer::Begun) => Ok(()),
            Some(Answer::Awaited) => Err(NotBegun(action, exchange.0)),
            None => Err(Unknown(action, "exchange", exchange.0)),
        }
    }

    fn head(&self, action: &'static str, head: &AnswerHead) -> Result<(), Breach> {
        match head {
            AnswerHead::Own { status: 200..=599, headers } => headers::toward_agent(headers),
            AnswerHead::Own { status, .. } => Err(NoStatus(*status)),
            AnswerHead::OfCall { call, edits } => match self.calls.get(call) {
                Some(Call::Read) => headers::edits_toward_agent(edits),
                Some(Call::Awaited(_) | Call::Begun) => Err(NoChoice(action, call.0)),
                None => Err(Unknown(action, "call", call.0)),
            },
        }
    }
}
