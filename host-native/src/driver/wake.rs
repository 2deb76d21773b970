//! Waking the machine in time. A tick too many or too late is harmless.

use std::sync::Mutex;

use relay_mcp_core::{Input, Machine, Timestamp};
use tokio::sync::Notify;

use super::{Driver, lock};

/// When the machine is to be stepped next.
#[derive(Default)]
pub(super) struct Alarm {
    times: Mutex<Times>,
    earlier: Notify,
}

#[derive(Default)]
struct Times {
    at: Option<Timestamp>,
    /// Until when whoever waits for it sleeps. That may be earlier: to have it sleep on costs more than a tick.
    sleeps_until: Option<Timestamp>,
}

impl Alarm {
    /// Sets it.
    pub(super) fn set(&self, at: Option<Timestamp>) {
        let mut times = lock(&self.times);
        times.at = at;
        if at.is_some_and(|at| times.sleeps_until.is_none_or(|until| at < until)) {
            self.earlier.notify_one();
        }
    }

    /// Sets it to this time, unless it is earlier already.
    pub(super) fn set_at_latest(&self, at: Timestamp) {
        let before = lock(&self.times).at;
        self.set(Some(before.map_or(at, |before| before.min(at))));
    }

    fn sleep(&self) -> Option<Timestamp> {
        let mut times = lock(&self.times);
        times.sleeps_until = times.at;
        times.at
    }
}

impl<M: Machine + Send + 'static> Driver<M> {
    pub(super) async fn wake(self) {
        loop {
            let earlier = self.0.alarm.earlier.notified();
            let Some(at) = self.0.alarm.sleep() else {
                earlier.await;
                continue;
            };
            tokio::select! {
                () = earlier => {}
                () = tokio::time::sleep_until(self.0.clock.instant(at).into()) => self.feed(Input::Tick),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn whoever_sleeps_is_woken_for_an_earlier_time_alone() {
        let alarm = Alarm::default();
        let is_woken =
            || pin!(alarm.earlier.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        alarm.set(Some(Timestamp(20)));
        assert!(is_woken());
        assert_eq!(alarm.sleep(), Some(Timestamp(20)));
        alarm.set(Some(Timestamp(30)));
        alarm.set_at_latest(Timestamp(25));
        alarm.set_at_latest(Timestamp(28));
        assert!(!is_woken(), "it wakes in time by itself");
        alarm.set_at_latest(Timestamp(10));
        assert!(is_woken());
        assert_eq!(alarm.sleep(), Some(Timestamp(10)));
        alarm.set_at_latest(Timestamp(15));
        alarm.set(None);
        assert_eq!((is_woken(), alarm.sleep()), (false, None));
    }
}
