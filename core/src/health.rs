//! The relay's health: what its answers and failures set off.

use alloc::vec::Vec;

use crate::call::{Down, Errand, Loss, Purpose};
use crate::ids::CallId;
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::relay::Doubt;
use crate::status::Why;
use crate::time::millis;

impl Proxy {
    /// The relay answered this call. When it had been away: what is queued goes out at once (B-5.8), and the
    /// menu is fetched again (B-4.6).
    pub(crate) fn on_relay_answered(&mut self, call: CallId) {
        let is_forward = self.calls.get(&call).is_some_and(|known| known.errand.purpose.is_forward());
        let was_down = self.relay.is_down();
        self.hurry_delivery(was_down, self.relay.doubt() != Doubt::None, is_forward);
        self.relay.heard(self.now);
        let was_in_doubt = self.relay.set_doubt(Doubt::None);
        let after = self.relay.answered(self.now);
        if was_in_doubt || after.is_some() {
            self.end_probing(call);
        }
        let Some(after) = after else { return };
        self.observe(Observation::RelayUp { after });
        if was_down {
            self.send_held();
            self.hurry_upstreams();
            self.fetch_known_menus();
        }
    }

    /// The relay answered this call: what the pings ask that are still under way is known, and those that were
    /// sent into the void say nothing of it any more.
    fn end_probing(&mut self, answered: CallId) {
        self.timers.clear(Why::Probe);
        let pings = self.calls.iter().filter(|(_, known)| known.errand.purpose == Purpose::Probe);
        let idle: Vec<CallId> = pings.map(|(call, _)| *call).filter(|call| *call != answered).collect();
        for ping in idle {
            self.cancel(ping);
        }
    }

    /// A call came to nothing: what that tells of the relay.
    pub(crate) fn on_relay_failure(&mut self, purpose: &Purpose, down: &Down) {
        match (down.loss, purpose) {
            (Loss::Away, _) | (Loss::Broken, Purpose::Probe) => self.on_relay_away(Doubt::None, &down.reason),
            (Loss::Silent, Purpose::Probe) => self.on_relay_away(Doubt::Silent, &down.reason),
            // A connection that idled may break at any time, and a call may be slow by itself: that is no
            // outage before a ping says so.
            (Loss::Broken | Loss::Silent, _) => {
                if self.relay.doubt() == Doubt::None {
                    self.relay.set_doubt(Doubt::Raised);
                    self.timers.set(Why::Probe, self.now);
                }
            }
        }
    }

    fn on_relay_away(&mut self, doubt: Doubt, reason: &str) {
        self.relay.set_doubt(doubt);
        if self.relay.failed(self.now) {
            self.observe(Observation::RelayDown { reason: reason.into() });
            self.probe_later();
        }
    }

    /// Asks the relay whether it is there: once where there is doubt, and again and again while it is away,
    /// so that its return is noticed without traffic (OUTBOX G14). A ping that was sent into the void holds up
    /// no other.
    pub(crate) fn probe(&mut self) {
        match self.relay.doubt() {
            _ if self.draining => return,
            Doubt::None | Doubt::Silent if !self.relay.is_down() => return,
            Doubt::None | Doubt::Silent => {}
            Doubt::Raised => {
                self.relay.set_doubt(Doubt::Asked);
            }
            Doubt::Asked => self.on_relay_away(Doubt::Silent, "a ping was not answered"),
        }
        self.probe_later();
        let is_asked = || self.calls.values().any(|known| known.errand.purpose == Purpose::Probe);
        if self.may_be_starting() && is_asked() {
            return;
        }
        // Any server answers it in some way, and that it does is all we want to know.
        let errand = Errand::own_request(Purpose::Probe, "ping", "{}");
        self.send(errand);
    }

    /// Whether the relay was there until just now, so that it may be one that is being started again.
    fn may_be_starting(&self) -> bool {
        self.relay.restarts_until().is_some_and(|until| until > self.now)
    }

    /// Asks after a while, which differs from proxy to proxy, so that not all ask at once; and soon, while the
    /// relay may be one that is being started again.
    fn probe_later(&mut self) {
        let most = self.config.probe_every / if self.may_be_starting() { 10 } else { 1 };
        let most = millis(most);
        let wait = core::time::Duration::from_millis(most / 2 + self.random.up_to(most / 2));
        self.timers.set(Why::Probe, self.now + wait);
    }
}
