//! The first moments of an outage. A relay that is being started again refuses connections for a moment: what
//! was refused was not executed, so it waits for that moment and is sent once more, and the agent sees nothing.

use alloc::vec::Vec;

use super::{Call, Down, Errand, Loss, Purpose, Tried};
use crate::ids::ExchangeId;
use crate::input::Sent;
use crate::proxy::Proxy;
use crate::status::Why;

impl Proxy {
    /// Keeps what the relay refused, if it was there until just now, and this can only be passed on or answered
    /// with an error. What has an answer from memory is not kept, and nothing is kept twice. Gives back what
    /// it does not keep.
    pub(crate) fn hold(&mut self, errand: Errand) -> Option<Errand> {
        let until = self.relay.restarts_until().filter(|until| *until > self.now && !self.draining);
        match (until, &errand.purpose) {
            (Some(until), Purpose::Pass(_)) if !errand.tried.restart => {
                self.held.push(Errand { tried: Tried { restart: true, ..errand.tried }, ..errand });
                self.timers.set_at_latest(Why::Restart, until);
                None
            }
            _ => Some(errand),
        }
    }

    /// The connection of this call was refused. Whether it is kept.
    pub(super) fn hold_refused(&mut self, call: &Call, down: &Down) -> bool {
        if !matches!((&call.errand.purpose, down.sent), (Purpose::Pass(_), Sent::No)) {
            return false;
        }
        self.on_relay_failure(&call.errand.purpose, down);
        self.hold(call.errand.clone()).is_none()
    }

    /// The relay is back: what it refused is sent once more.
    pub(crate) fn send_held(&mut self) {
        self.timers.clear(Why::Restart);
        for errand in core::mem::take(&mut self.held) {
            self.send(errand);
        }
    }

    /// The relay is not being started again, or takes too long over it.
    pub(crate) fn give_up_held(&mut self) {
        let reason = "it refuses connections".into();
        let down = Down { sent: Sent::No, loss: Loss::Away, reason, retry_after: None };
        for errand in core::mem::take(&mut self.held) {
            self.undelivered(errand.purpose, &down);
        }
    }

    /// The agent left the exchange.
    pub(crate) fn forget_held(&mut self, exchange: ExchangeId) {
        self.held.retain(|errand: &Errand| errand.purpose.exchange() != Some(exchange));
    }
}

/// What the relay refused just now.
pub(crate) type Held = Vec<Errand>;
