//! The relay's health: what its answers and failures set off.

use crate::call::{Errand, Purpose};
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::status::Why;

impl Proxy {
    /// The relay answered a call, `is_forward` when that was the agent's own. When it had been away: what is queued goes out at once (B-5.8), and the
    /// menu is fetched again (B-4.6).
    pub(crate) fn on_relay_answered(&mut self, is_forward: bool) {
        let was_down = self.relay.is_down();
        self.hurry_delivery(was_down, is_forward);
        let Some(after) = self.relay.answered(self.now) else { return };
        self.timers.clear(Why::Probe);
        self.observe(Observation::RelayUp { after });
        if was_down {
            self.hurry_upstreams();
            self.fetch_known_menus();
        }
    }

    /// A call came to nothing.
    pub(crate) fn on_relay_failure(&mut self, reason: &str) {
        if self.relay.failed(self.now) {
            self.observe(Observation::RelayDown { reason: reason.into() });
            self.probe_later();
        }
    }

    /// Asks the relay whether it is back, so that its return is noticed without traffic (OUTBOX G14).
    pub(crate) fn probe(&mut self) {
        if self.relay.is_down() && !self.draining {
            // Any server answers it in some way, and that it does is all we want to know.
            let errand = Errand::own_request(Purpose::Probe, self.own_ids.next(), "ping", "{}");
            self.send(errand);
        }
    }

    /// Asks after a while, which differs from proxy to proxy, so that not all ask at once.
    pub(crate) fn probe_later(&mut self) {
        let most = u64::try_from(self.config.probe_every.as_millis()).unwrap_or(u64::MAX);
        let wait = core::time::Duration::from_millis(most / 2 + self.random.up_to(most / 2));
        self.timers.set(Why::Probe, self.now + wait);
    }
}
