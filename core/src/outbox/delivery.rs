//! Delivery (B-5.8): oldest first, one at a time, with the same key, until the relay answers.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use super::entry::{Entry, Place};
use super::write::Write;
use crate::call::{Answered, Down, Errand, Facts, Loss, Purpose, is_passing};
use crate::config::Backoff;
use crate::headers::HeaderEdit;
use crate::ids::CallId;
use crate::jsonrpc::{Object, Response};
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::random::Random;
use crate::status::Why;
use crate::time::{Timestamp, doubled, millis};

/// Who delivers: one write at a time.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    backoff: Backoff,
    /// The write under way.
    carries: Option<Place>,
    /// Attempts in a row that came to nothing.
    failures: u32,
    /// The relay refused the token (B-5.8).
    is_paused: bool,
    /// When the wait before the next attempt began.
    waits_since: Timestamp,
    /// The relay itself asked for that wait.
    is_asked_to_wait: bool,
    /// How often, in a row, the relay did not know the session that it had just opened for the write.
    lost_sessions: u32,
    /// How often, in a row, a relay that was there all the same did not answer the write in time.
    given_up: u32,
}

/// A relay that may have been started again in between is believed so often; then its 404 is what it says to
/// the write.
const MOST_LOST_SESSIONS: u32 = 3;

/// A relay that does not take one write and answers everything else is not asked more often than about this.
const HURRY_AFTER: Duration = Duration::from_secs(1);

/// What the relay made of a delivered write.
enum Verdict {
    Delivered,
    Again(String),
    Dead(String, Option<String>),
    Unauthorized,
}

impl Courier {
    pub(crate) fn new(backoff: Backoff) -> Self {
        let waits_since = Timestamp::default();
        Self {
            backoff,
            carries: None,
            failures: 0,
            is_paused: false,
            waits_since,
            is_asked_to_wait: false,
            lost_sessions: 0,
            given_up: 0,
        }
    }

    /// Whether a write is before the relay; it may have been discarded meanwhile.
    pub(super) fn is_busy(&self) -> bool {
        self.carries.is_some()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// The next wait: full jitter below a bound that doubles, and not less than the relay wants.
    fn wait(&mut self, random: &mut Random, retry_after: Option<Duration>) -> Duration {
        let most = doubled(self.backoff.first, self.failures).min(self.backoff.most);
        self.failures = self.failures.saturating_add(1);
        jitter(random, most).max(retry_after.unwrap_or_default())
    }
}

fn jitter(random: &mut Random, most: Duration) -> Duration {
    Duration::from_millis(random.up_to(millis(most)))
}

impl Proxy {
    /// What was queued before the proxy was opened goes out at once (OUTBOX G14).
    pub(crate) fn resume_delivery(&mut self) {
        if self.outbox.has_backlog() {
            self.timers.set(Why::Delivery, self.now);
        }
    }

    /// Delivers the oldest write, unless one is under way or it has to wait.
    pub(crate) fn deliver_next(&mut self) {
        let is_busy = self.outbox.courier.is_busy() || self.lane.is_flying();
        if is_busy || self.timers.is_set(Why::Delivery) || self.draining {
            return;
        }
        let Some(place) = self.outbox.head() else { return };
        let Some(entry) = self.outbox.entries.get_mut(&place) else { return };
        entry.attempts += 1;
        let mut errand = errand_of(place, &entry.write);
        errand.tried.given_up = self.outbox.courier.given_up;
        self.outbox.courier.carries = Some(place);
        self.send(errand);
    }

    /// The relay answered something else, and when it had been away that is news: no more waiting, but for a
    /// moment that differs from proxy to proxy. The wait that the relay asked for is cut short only when it
    /// came back for the agent itself. Where only a connection had broken the moment is longer, since it may
    /// have been the write that broke it.
    pub(crate) fn hurry_delivery(&mut self, was_down: bool, was_in_doubt: bool, is_forward: bool) {
        let courier = &self.outbox.courier;
        if !self.timers.is_set(Why::Delivery) || courier.is_paused || !self.outbox.has_backlog() {
            return;
        }
        let is_due = match (was_down || was_in_doubt, courier.is_asked_to_wait) {
            (true, is_asked) => is_forward || !is_asked,
            (false, is_asked) => {
                is_forward && !is_asked && self.now.since(courier.waits_since) >= HURRY_AFTER
            }
        };
        if is_due {
            let most = if was_in_doubt && !was_down { HURRY_AFTER } else { courier.backoff.first };
            let wait = jitter(&mut self.random, most);
            self.timers.set_at_latest(Why::Delivery, self.now + wait);
        }
    }

    /// There is another token: a queue that paused for it goes on (B-5.8).
    pub(crate) fn unpause_delivery(&mut self) {
        if core::mem::take(&mut self.outbox.courier.is_paused) {
            self.observe(Observation::OutboxResumed);
            self.timers.clear(Why::Delivery);
            self.deliver_next();
        }
    }

    /// A write was thrown away by hand: where it was the last, nothing waits for another token any more.
    pub(crate) fn end_pause_of_empty_queue(&mut self) {
        if !self.outbox.has_backlog() && core::mem::take(&mut self.outbox.courier.is_paused) {
            self.observe(Observation::OutboxResumed);
            self.timers.clear(Why::Delivery);
        }
    }

    pub(crate) fn on_delivery_answered(&mut self, place: Place, facts: &Facts, answered: &Answered) {
        match verdict(facts.status, answered) {
            Verdict::Delivered => self.on_delivered(place),
            Verdict::Again(reason) => self.on_delivery_failed(place, &reason, facts.retry_after),
            Verdict::Dead(reason, answer) => self.on_delivery_rejected(place, &reason, answer),
            Verdict::Unauthorized => self.on_delivery_unauthorized(place, facts.status),
        }
    }

    /// Nothing came back from the relay itself. It may be another one by the time that it does.
    pub(crate) fn on_delivery_undelivered(&mut self, place: Place, down: &Down) {
        let courier = &mut self.outbox.courier;
        courier.lost_sessions = 0;
        courier.given_up = match down.loss {
            Loss::Silent => courier.given_up.saturating_add(u32::from(!self.relay.is_down())),
            Loss::Away | Loss::Broken => 0,
        };
        self.on_delivery_failed(place, &down.reason, down.retry_after);
    }

    /// The relay answered, but not with the session that the write belongs to: what it said counts as it
    /// would of the write (B-5.8).
    pub(crate) fn on_delivery_unopened(&mut self, place: Place, facts: &Facts, reason: &str) {
        match facts.status {
            401 | 403 => self.on_delivery_unauthorized(place, facts.status),
            status if is_passing(status) => self.on_delivery_failed(place, reason, facts.retry_after),
            _ => self.on_delivery_rejected(place, reason, None),
        }
    }

    /// The session that was opened for the write is gone as well: it waits as for a relay that is away.
    pub(crate) fn deliver_again_in_new_session(&mut self, call: CallId, place: Place) -> bool {
        let lost = &mut self.outbox.courier.lost_sessions;
        *lost += 1;
        if *lost >= MOST_LOST_SESSIONS {
            return false;
        }
        if let Some(session) = self.cancel(call).and_then(|known| known.errand.session) {
            self.unopen_session(&session);
        }
        self.on_delivery_failed(place, "the relay forgot the session once more", None);
        true
    }

    fn on_delivered(&mut self, place: Place) {
        self.put_down();
        self.token_was_taken();
        let delivered = self.outbox.remove(place);
        // First, so that the relay is at the next one while this one is told of.
        self.deliver_next();
        self.send_next_write();
        let Some(Entry { write, attempts, enqueued_at, .. }) = delivered else { return };
        self.forget_write(place);
        let age = self.now.since(enqueued_at);
        self.observe(Observation::WriteDelivered { key: write.key, attempts, age });
        if let Some(session) = &write.session {
            self.close_if_done_with(session);
        }
    }

    /// It did not get through: the whole queue waits, since nobody may overtake.
    pub(crate) fn on_delivery_failed(&mut self, place: Place, reason: &str, retry_after: Option<Duration>) {
        self.put_down();
        let Some(entry) = self.outbox.entries.get_mut(&place) else { return self.on_discarded() };
        entry.last_error = Some(reason.into());
        let key = entry.write.key.clone();
        let wait = self.outbox.courier.wait(&mut self.random, retry_after);
        self.wait_to_deliver(wait, retry_after.is_some());
        self.observe(Observation::WriteRetried { key, reason: reason.into(), wait });
    }

    fn wait_to_deliver(&mut self, wait: Duration, is_asked: bool) {
        self.outbox.courier.waits_since = self.now;
        self.outbox.courier.is_asked_to_wait = is_asked;
        self.timers.set(Why::Delivery, self.now + wait);
    }

    /// The relay may have asked a live write to wait, which was queued: so the queue does (OUTBOX G6).
    pub(super) fn wait_as_asked(&mut self, retry_after: Option<Duration>) {
        if let Some(wait) = retry_after.filter(|_| self.outbox.has_backlog()) {
            self.wait_to_deliver(wait, true);
        }
    }

    /// It was discarded by hand while it was before the relay: nothing of it is left to wait for.
    fn on_discarded(&mut self) {
        self.deliver_next();
        self.send_next_write();
    }

    /// The relay refused it for good: a dead letter, which holds nobody up (OUTBOX G8).
    pub(crate) fn on_delivery_rejected(&mut self, place: Place, reason: &str, answer: Option<String>) {
        self.put_down();
        self.token_was_taken();
        if let Some(entry) = self.outbox.bury(place) {
            entry.last_error = Some(reason.into());
            entry.relay_answer = answer;
            let key = entry.write.key.clone();
            self.store_write(place);
            self.observe(Observation::WriteDead { key, reason: reason.into() });
        }
        self.deliver_next();
        self.send_next_write();
    }

    /// The relay refused the token: never a dead letter, the queue waits for another token (OUTBOX G7).
    pub(crate) fn on_delivery_unauthorized(&mut self, place: Place, status: u16) {
        self.put_down();
        let Some(entry) = self.outbox.entries.get_mut(&place) else { return self.on_discarded() };
        entry.last_error = Some(format!("the relay refused the token (HTTP status {status})"));
        if !core::mem::replace(&mut self.outbox.courier.is_paused, true) {
            self.observe(Observation::OutboxPaused);
        }
        self.timers.set(Why::Delivery, self.now + self.config.paused_retry);
    }

    /// The relay judged a write: it is there, and it takes the token.
    fn token_was_taken(&mut self) {
        self.outbox.courier.failures = 0;
        self.outbox.courier.lost_sessions = 0;
        self.outbox.courier.given_up = 0;
        if core::mem::take(&mut self.outbox.courier.is_paused) {
            self.observe(Observation::OutboxResumed);
        }
    }

    fn put_down(&mut self) {
        self.outbox.courier.carries = None;
    }
}

fn errand_of(place: Place, write: &Write) -> Errand {
    let mut errand = Errand::own_request(Purpose::Deliver(place), "tools/call", write.params.clone());
    errand.edits = write.headers.iter().cloned().map(HeaderEdit::Set).collect();
    errand.query = write.query.clone();
    errand.in_session(write.session.clone())
}

/// What an answer means for the write (B-5.8).
fn verdict(status: u16, answered: &Answered) -> Verdict {
    match status {
        401 | 403 => return Verdict::Unauthorized,
        status if is_passing(status) => {
            return Verdict::Again(format!("the relay answered with HTTP status {status}"));
        }
        _ => {}
    }
    let body = match answered {
        Answered::Whole(body) => core::str::from_utf8(body).unwrap_or_default(),
        Answered::TooLarge => "",
    };
    let dead = |reason: String| Verdict::Dead(reason, Some(body.chars().take(4096).collect()));
    if !(200..300).contains(&status) {
        return dead(format!("the relay answered with HTTP status {status}"));
    }
    let Some(response) = Response::parse(body) else {
        return dead("the relay's answer is no JSON-RPC response".to_string());
    };
    let Some(result) = response.result.and_then(Object::parse) else {
        let said = response.error_message().unwrap_or_else(|| "a result that is no object".to_string());
        return dead(format!("the relay answered with an error: {said}"));
    };
    let result_type = result.string("resultType");
    if result_type.as_ref().is_some_and(|kind| kind != "complete") {
        return dead(format!("the relay answered with resultType {}", result_type.unwrap_or_default()));
    }
    if result.get("isError") == Some("true") {
        return dead("the tool reported an error".to_string());
    }
    Verdict::Delivered
}
