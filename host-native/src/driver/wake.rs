//! Waking the machine in time. A tick too many or too late is harmless.

use std::sync::Mutex;

use relay_mcp_core::{Input, Machine, Timestamp};
use tokio::sync::Notify;

use super::{Driver, lock};

/// When the machine wants to be stepped next.
#[derive(Default)]
pub(super) struct Alarm {
    at: Mutex<Option<Timestamp>>,
    earlier: Notify,
}

impl Alarm {
    /// Sets it. Only an earlier time needs to wake whoever waits for it.
    pub(super) fn set(&self, at: Option<Timestamp>) {
        let before = std::mem::replace(&mut *lock(&self.at), at);
        if at.is_some_and(|at| before.is_none_or(|before| at < before)) {
            self.earlier.notify_one();
        }
    }

    fn at(&self) -> Option<Timestamp> {
        *lock(&self.at)
    }
}

impl<M: Machine + Send + 'static> Driver<M> {
    pub(super) async fn wake(self) {
        loop {
            let earlier = self.0.alarm.earlier.notified();
            let Some(at) = self.0.alarm.at() else {
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
