//! The lane: live writes, one in flight, the others behind it, so that the relay sees them in the order in
//! which the agent made them (B-5.5).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::entry::Asker;
use super::write::Write;
use crate::action::CallBody;
use crate::call::{Answered, Down, Errand, Facts, Loss, Purpose, Words, with_id};
use crate::headers::{Header, HeaderEdit};
use crate::ids::{CallId, ExchangeId};
use crate::input::Sent;
use crate::jsonrpc::Id;
use crate::proxy::Proxy;

/// The live writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane {
    flight: Option<Flight>,
    waiting: VecDeque<Live>,
}

/// A write that the agent waits for.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(super) write: Write,
    /// Who waits: the request that made it, and those that repeated it (B-5.7).
    pub(super) askers: Vec<Asker>,
    /// The body to send. Empty where it is the agent's own: then it is that of whoever asks, under whose id
    /// the relay answers.
    pub(super) body: Bytes,
    /// The header that mirrors a key of ours.
    pub(super) mirror: Vec<Header>,
    /// The agent is told how far it is, as long as it is live.
    pub(super) hears_progress: bool,
    /// What it carries that forbids to queue it (B-5.11).
    pub(super) cannot_queue: Option<&'static str>,
}

/// The write that the relay has before it.
#[derive(Clone, Debug)]
struct Flight {
    live: Live,
    /// The exchange that it was sent from. The host keeps that request until its last action, since the call
    /// may have to be sent again.
    origin: ExchangeId,
    /// The id that it was sent under.
    id: Id,
    /// The agent left that exchange.
    is_left: bool,
}

impl Lane {
    pub(super) fn find(&self, key: &str) -> Option<&Live> {
        let flight = self.flight.iter().map(|flight| &flight.live);
        flight.chain(&self.waiting).find(|live| live.write.key == key && live.cannot_queue.is_none())
    }

    pub(super) fn find_mut(&mut self, key: &str) -> Option<&mut Live> {
        let flight = self.flight.iter_mut().map(|flight| &mut flight.live);
        flight.chain(&mut self.waiting).find(|live| live.write.key == key && live.cannot_queue.is_none())
    }

    /// Whether a live write is before the relay. Nothing is delivered meanwhile: it comes first (B-5.5).
    pub(super) fn is_flying(&self) -> bool {
        self.flight.is_some()
    }

    /// Whether any live write comes before one that is made now.
    pub(super) fn is_busy(&self) -> bool {
        self.flight.is_some() || !self.waiting.is_empty()
    }

    /// The id that the write in flight was sent under.
    pub(crate) fn flight_id(&self) -> Option<Id> {
        self.flight.as_ref().map(|flight| flight.id.clone())
    }

    /// The exchange that gets the events of the write in flight.
    pub(crate) fn flight_origin(&self) -> Option<ExchangeId> {
        self.flight.as_ref().filter(|flight| !flight.is_left).map(|flight| flight.origin)
    }

    /// The agent left an exchange.
    fn leave(&mut self, exchange: ExchangeId) -> Left {
        let mut left = Left::Elsewhere;
        if let Some(flight) = &mut self.flight {
            let is_asker = flight.live.leave(exchange);
            if flight.origin == exchange {
                flight.is_left = true;
                left = Left::InFlight;
            } else if is_asker {
                left = Left::Waiting;
            }
        }
        for live in &mut self.waiting {
            if live.leave(exchange) {
                left = Left::Waiting;
            }
        }
        self.waiting.retain(|live| !live.askers.is_empty());
        left
    }
}

/// Where an exchange was that the agent left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Not in the lane.
    Elsewhere,
    /// It waited for a write. One that was not sent yet and that nobody else waits for is gone.
    Waiting,
    /// The write in flight was sent from it: that goes on (B-5.6).
    InFlight,
}

impl Live {
    /// Whether the exchange was among those that wait.
    fn leave(&mut self, exchange: ExchangeId) -> bool {
        let before = self.askers.len();
        self.askers.retain(|asker| asker.exchange != exchange);
        self.askers.len() < before
    }
}

impl Proxy {
    /// Takes a write: behind a backlog it is queued, behind another write it waits, else it is sent (B-5.5).
    pub(super) fn enter_lane(&mut self, live: Live) {
        self.lane.waiting.push_back(live);
        self.send_next_write();
    }

    /// Sends the next live write, unless one is in flight. Once there is a backlog, all go behind it.
    pub(crate) fn send_next_write(&mut self) {
        if self.lane.is_flying() {
            return;
        }
        while let Some(live) = self.lane.waiting.pop_front() {
            if self.outbox.has_backlog() || self.outbox.place_of(&live.write.key).is_some() {
                self.queue(live, &behind_backlog());
            } else if self.outbox.courier.is_busy() {
                return self.lane.waiting.push_front(live);
            } else if let Some(down) = self.not_tried() {
                // Here and not where it is sent, since there may be any number of them.
                self.queue(live, &down);
            } else {
                return self.fly(live);
            }
        }
        self.deliver_next();
    }

    fn fly(&mut self, live: Live) {
        let Some(asker) = live.askers.first().cloned() else { return };
        let query = live.write.query.clone();
        let mut errand = Errand::of_exchange(Purpose::Write, asker.exchange, query);
        if !live.body.is_empty() {
            errand.body = CallBody::Bytes(live.body.clone());
        }
        errand.edits = live.mirror.iter().cloned().map(HeaderEdit::Set).collect();
        errand.session = live.write.session.clone();
        self.lane.flight = Some(Flight { live, origin: asker.exchange, id: asker.id, is_left: false });
        self.send(errand);
    }

    /// The relay answered the write in flight, well or badly: its answer is the outcome.
    pub(crate) fn on_write_answered(&mut self, call: CallId, facts: Facts, answered: Answered) {
        let Some(flight) = self.land() else { return };
        for asker in &flight.live.askers {
            let body = match &answered {
                Answered::Whole(body) if asker.exchange == flight.origin => body.clone(),
                Answered::Whole(body) => under_id(body, &asker.id),
                Answered::TooLarge => {
                    self.respond_too_large(asker.exchange);
                    continue;
                }
            };
            self.respond_as(asker.exchange, call, facts.clone(), body);
        }
        self.send_next_write();
    }

    /// The relay refused the token of the write in flight: nothing is queued, since it did answer.
    pub(crate) fn on_write_refused(&mut self, words: &Words) {
        let Some(flight) = self.land() else { return };
        for asker in &flight.live.askers {
            self.respond_error(asker.exchange, words.code, &words.message, words.data.as_deref());
        }
        self.send_next_write();
    }

    /// Nobody knows whether the relay has the write in flight: it is queued with the same key (B-5.6). When
    /// the agent has left, nothing was promised, and nothing is queued (B-11).
    pub(crate) fn on_write_undelivered(&mut self, down: &Down) {
        let Some(flight) = self.land() else { return };
        if !flight.live.askers.is_empty() {
            self.queue(flight.live, down);
            self.wait_as_asked(down.retry_after);
        }
        self.send_next_write();
    }

    /// The write in flight has come to its end.
    fn land(&mut self) -> Option<Flight> {
        let flight = self.lane.flight.take()?;
        if flight.is_left {
            self.abort(flight.origin);
        }
        Some(flight)
    }

    /// The agent left an exchange. Whether that waited for a write.
    pub(crate) fn leave_writes(&mut self, exchange: ExchangeId) -> bool {
        match self.lane.leave(exchange) {
            Left::InFlight => {}
            Left::Waiting => self.abort(exchange),
            Left::Elsewhere if self.leave_receipts(exchange) => self.abort(exchange),
            Left::Elsewhere => return false,
        }
        true
    }
}

/// A response for somebody who asked for the same under another id.
fn under_id(body: &Bytes, id: &Id) -> Bytes {
    let text = core::str::from_utf8(body).ok().and_then(|text| with_id(text, id));
    text.map_or_else(|| body.clone(), Bytes::from)
}

fn behind_backlog() -> Down {
    let reason = "older writes are still queued".into();
    Down { sent: Sent::No, loss: Loss::Away, reason, retry_after: None }
}
