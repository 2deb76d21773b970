//! What is known of the relay: whether it answers, since when, and which era it speaks.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::mcp::Era;
use crate::status::{RelayState, RelayStatus};
use crate::time::{Timestamp, millis};

/// The relay's state.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    state: RelayState,
    since: Timestamp,
    /// Where it is down: it was there before.
    was_up: bool,
    /// When anything came from it last; at first, since when nothing has.
    heard_at: Timestamp,
    doubt: Doubt,
    /// The newest era that it was seen to speak.
    pub(crate) era: Option<Era>,
}

/// How long a relay that was there may take to be started again before its agents are told.
const RESTART: Duration = Duration::from_secs(2);

/// Whether it is there is not known before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// There is none.
    None,
    /// A call was not answered: it may have met a connection that was closing, or be slow by itself.
    Raised,
    /// A ping went out to settle it.
    Asked,
    /// The ping was not answered either: whoever asks now would wait for nothing.
    Silent,
}

impl Relay {
    /// A relay of which nothing is known.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            state: RelayState::Unknown,
            since: now,
            was_up: false,
            heard_at: now,
            doubt: Doubt::None,
            era: None,
        }
    }

    /// Whether it is away, as far as is known; doubt alone is not enough.
    pub(crate) fn is_down(&self) -> bool {
        self.state == RelayState::Down
    }

    /// Whether it is there, without a doubt.
    pub(crate) fn is_up(&self) -> bool {
        self.state == RelayState::Up && self.doubt == Doubt::None
    }

    /// Until when a relay that is down, and was there before, may be one that is being started again.
    pub(crate) fn restarts_until(&self) -> Option<Timestamp> {
        (self.is_down() && self.was_up).then(|| self.since + RESTART)
    }

    /// What is not known of it.
    pub(crate) fn doubt(&self) -> Doubt {
        self.doubt
    }

    /// Why a call of the agent is not even tried, if so: the relay is silent, and the call would wait for
    /// nothing (OUTBOX G6). A relay that refuses is tried each time, since that costs nothing.
    pub(crate) fn breaker(&self, now: Timestamp) -> Option<String> {
        let is_silent = self.doubt == Doubt::Silent;
        is_silent.then(|| format!("it has been silent for {} ms", millis(now.since(self.heard_at))))
    }

    /// Something came from it. Whether that was a call's answer does not matter.
    pub(crate) fn heard(&mut self, now: Timestamp) {
        self.heard_at = now;
    }

    /// It answered. When that is news: how long it had been away.
    pub(crate) fn answered(&mut self, now: Timestamp) -> Option<Duration> {
        let away = now.since(self.since);
        match self.state {
            RelayState::Up => return None,
            RelayState::Down | RelayState::Unknown => {}
        }
        let after = if self.is_down() { away } else { Duration::ZERO };
        (self.state, self.since) = (RelayState::Up, now);
        Some(after)
    }

    /// It did not answer. Whether that is news.
    pub(crate) fn failed(&mut self, now: Timestamp) -> bool {
        if self.is_down() {
            return false;
        }
        self.was_up = self.state == RelayState::Up;
        (self.state, self.since) = (RelayState::Down, now);
        true
    }

    /// What is not known of it from here on. Whether that is something else.
    pub(crate) fn set_doubt(&mut self, doubt: Doubt) -> bool {
        core::mem::replace(&mut self.doubt, doubt) != doubt
    }

    /// It was seen to speak this era.
    pub(crate) fn speaks(&mut self, era: Era) {
        self.era = self.era.max(Some(era));
    }

    /// For the status.
    pub(crate) fn status(&self, now: Timestamp) -> RelayStatus {
        RelayStatus { state: self.state, since_ms: millis(now.since(self.since)), era: self.era }
    }
}
