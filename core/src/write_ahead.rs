//! Write-ahead: append, hold, acknowledge. Nothing that an outsider can see leaves before its record is
//! durable (OUTBOX G1), and what the store refused is written again until it sticks.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::action::{Action, AnswerHead};
use crate::ids::{CallId, CommandId, ExchangeId, Ticket};
use crate::map::Map;
use crate::outbox::Place;
use crate::record::{Change, RecordKey};
use crate::status::Reply;

/// What waits for a ticket.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// The receipts of this write (B-5.4).
    Receipts(Place),
    /// The answer to a command.
    Reply(CommandId, Reply),
    /// An answer that tells what is not stored yet, and the release of its call. It goes out even where the
    /// store refuses, since it promises nothing.
    Answer(Action),
}

/// The changes on their way to the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteAhead {
    /// The ticket of the batch that this step fills.
    ticket: Ticket,
    batch: Map<RecordKey, Change>,
    held: Vec<(Ticket, Held)>,
    /// Batches that the store has, unacknowledged, so that they can be written again.
    unacknowledged: VecDeque<(Ticket, Vec<Change>)>,
    /// What the store refused.
    refused: Map<RecordKey, Change>,
}

impl WriteAhead {
    /// Adds a change to this step's batch.
    pub(crate) fn append(&mut self, change: Change) {
        self.refused.remove(change.key());
        self.batch.insert(change.key().clone(), change);
    }

    /// Holds something until this step's batch is durable.
    pub(crate) fn hold(&mut self, held: Held) {
        self.hold_for(self.ticket, held);
    }

    /// The ticket that an answer of this step waits for, if it has to.
    pub(crate) fn ticket_of_answer(&self) -> Option<Ticket> {
        (!self.batch.is_empty()).then_some(self.ticket)
    }

    /// The ticket that an answer under the head of this call waits for.
    pub(crate) fn ticket_of_head(&self, of: CallId) -> Option<Ticket> {
        let uses_head = |held: &Held| matches!(held, Held::Answer(Action::Answer { head: AnswerHead::OfCall { call, .. }, .. }) if *call == of);
        self.held.iter().rev().find(|(_, held)| uses_head(held)).map(|(ticket, _)| *ticket)
    }

    /// Nobody waits for the answer to this exchange any more. Whether one was held.
    pub(crate) fn drop_answer(&mut self, to: ExchangeId) -> bool {
        let before = self.held.len();
        let is_for = |held: &Held| {
            matches!(held, Held::Answer(
                Action::Answer { exchange, .. }
                | Action::AnswerChunk { exchange, .. }
                | Action::AnswerEnd { exchange },
            ) if *exchange == to)
        };
        self.held.retain(|(_, held)| !is_for(held));
        self.held.len() < before
    }

    /// Holds something until this ticket is durable.
    pub(crate) fn hold_for(&mut self, ticket: Ticket, held: Held) {
        self.held.push((ticket, held));
    }

    /// Ends this step's batch.
    pub(crate) fn flush(&mut self) -> Option<(Ticket, Vec<Change>)> {
        if self.batch.is_empty() {
            return None;
        }
        let ticket = self.ticket;
        let changes: Vec<Change> = core::mem::take(&mut self.batch).into_values().collect();
        self.unacknowledged.push_back((ticket, changes.clone()));
        self.ticket = Ticket(ticket.0 + 1);
        Some((ticket, changes))
    }

    /// All batches up to this one are settled, well or badly: what was held for them, and, when badly, what
    /// they were to change.
    pub(crate) fn settle(&mut self, through: Ticket) -> (Vec<Held>, Vec<Change>) {
        let (due, held) =
            core::mem::take(&mut self.held).into_iter().partition(|(ticket, _)| *ticket <= through);
        self.held = held;
        let due: Vec<(Ticket, Held)> = due;
        let mut settled = Vec::new();
        while let Some((_, changes)) = self.unacknowledged.pop_front_if(|(ticket, _)| *ticket <= through) {
            settled.extend(changes);
        }
        (due.into_iter().map(|(_, held)| held).collect(), settled)
    }

    /// Keeps a refused change, to be written again, unless a newer one of the same record is under way.
    pub(crate) fn refuse(&mut self, change: Change) {
        let is_newer = |other: &Change| other.key() == change.key();
        if !self.batch.contains_key(change.key())
            && !self.unacknowledged.iter().flat_map(|(_, changes)| changes).any(is_newer)
        {
            self.refused.insert(change.key().clone(), change);
        }
    }

    /// Whether anything must be written again.
    pub(crate) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Writes again what was refused, with this step's batch.
    pub(crate) fn retry(&mut self) {
        for change in core::mem::take(&mut self.refused).into_values() {
            self.append(change);
        }
    }
}
