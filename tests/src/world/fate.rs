//! What befalls the proxy and the relay: they die and are started again, and clocks are set.

use std::collections::BTreeMap;

use relay_mcp_core::{CallId, Command, Sent};

use super::plan::Crash;
use super::run::{Event, World};
use super::upstream::Upstreams;

/// How long a proxy that was told to end gives to what is in flight, in milliseconds.
const GRACE: u64 = 1_000;

impl Event {
    fn setting_out(&self) -> Option<CallId> {
        match self {
            Self::Arrive(call) => Some(*call),
            Self::Act(_)
            | Self::Do(..)
            | Self::Head(..)
            | Self::Body(..)
            | Self::Fail(_)
            | Self::Disk(_)
            | Self::Reopen(_) => None,
        }
    }

    /// What goes on when the proxy has died, if it does.
    fn without_proxy(self) -> Option<Self> {
        match self {
            Self::Act(act) => Some(Self::Act(act)),
            Self::Do(_, request) => Some(Self::Do(None, request)),
            Self::Arrive(_)
            | Self::Head(..)
            | Self::Body(..)
            | Self::Fail(_)
            | Self::Disk(_)
            | Self::Reopen(_) => None,
        }
    }
}

impl World {
    /// The relay's connections break: what had reached it gets no answer, what comes now finds nobody.
    pub(super) fn restart(&mut self, millis: u16) {
        self.relay.forget_sessions();
        self.away_until = self.host.now + u64::from(millis);
        let setting_out = self.setting_out();
        let calls: Vec<CallId> = self.host.calls.keys().copied().collect();
        for call in calls.into_iter().filter(|call| *call <= self.last_call && !setting_out.contains(call)) {
            self.host.fail(call, Sent::Unknown, "connection reset");
        }
    }

    /// The proxy will die in the middle of a step.
    pub(super) fn crash(&mut self, crash: Crash) {
        self.dying = crash;
        self.host.fuse = Some((crash.steps, crash.actions));
    }

    /// The proxy is told to end, takes no new requests, and gives what is in flight some time.
    pub(super) fn shut_down(&mut self, clock: i32) {
        self.is_draining = true;
        self.host.command(Command::Drain);
        self.schedule(GRACE, Event::Reopen(clock));
    }

    /// The proxy has ended as it was told: what was to be stored is.
    pub(super) fn end(&mut self, clock: i32) {
        self.dying = Crash { kept: usize::MAX, clock, ..Crash::default() };
        self.host.is_dead = true;
    }

    /// The proxy has died, and is started again.
    pub(super) fn reopen(&mut self) {
        let Crash { kept, arrives, clock, .. } = std::mem::take(&mut self.dying);
        self.host.check_determinism();
        if arrives && self.host.now >= self.away_until.max(self.silent_until) {
            for call in self.setting_out() {
                let request = self.host.calls.get(&call).map(|known| known.request.clone());
                request.map(|request| self.relay.handle(&request));
            }
        }
        let going_on = std::mem::take(&mut self.events).into_iter();
        let going_on = going_on.filter_map(|(at, event)| Some((at, event.without_proxy()?)));
        self.events = going_on.collect();
        self.set_clock(i64::from(clock));
        self.disk_turns = 0;
        self.is_draining = false;
        self.last_call = CallId(0);
        self.upstreams = Upstreams::default();
        self.host.crash(kept);
        self.judge.crashed(&self.host.disk, &self.relay);
    }

    fn setting_out(&self) -> Vec<CallId> {
        self.events.values().filter_map(Event::setting_out).collect()
    }

    /// The wall clock, which a life of the proxy reads once, was set by so many milliseconds (OUTBOX G18).
    /// Whatever else is to happen does so as long after this as it would have.
    fn set_clock(&mut self, by: i64) {
        let moved = |at: u64| at.saturating_add_signed(by);
        self.host.now = moved(self.host.now);
        for until in [&mut self.away_until, &mut self.silent_until, &mut self.full_until] {
            *until = moved(*until);
        }
        let events = std::mem::take(&mut self.events).into_iter();
        self.events = events.map(|((at, n), event)| ((moved(at), n), event)).collect::<BTreeMap<_, _>>();
    }
}
