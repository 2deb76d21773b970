//! The machine's timers: each has one reason and at most one time.

use crate::map::Map;
use crate::status::{Wakeup, Why};
use crate::time::Timestamp;

/// What is due when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    at: Map<Why, Timestamp>,
    order: Map<(Timestamp, Why), ()>,
}

impl Timers {
    /// Sets a timer, in place of the one that this reason had.
    pub(crate) fn set(&mut self, why: Why, at: Timestamp) {
        match self.at.insert(why, at) {
            Some(before) if before == at => return,
            Some(before) => self.order.remove(&(before, why)),
            None => None,
        };
        self.order.insert((at, why), ());
    }

    /// Sets a timer, unless this reason has an earlier one.
    pub(crate) fn set_at_latest(&mut self, why: Why, at: Timestamp) {
        if self.at.get(&why).is_none_or(|set| *set > at) {
            self.set(why, at);
        }
    }

    /// Removes a timer.
    pub(crate) fn clear(&mut self, why: Why) {
        if let Some(at) = self.at.remove(&why) {
            self.order.remove(&(at, why));
        }
    }

    /// Whether this reason has a timer.
    pub(crate) fn is_set(&self, why: Why) -> bool {
        self.at.contains_key(&why)
    }

    /// Takes the first timer that is due.
    pub(crate) fn due(&mut self, now: Timestamp) -> Option<Why> {
        let (at, why) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.clear(why);
        Some(why)
    }

    /// The first timer.
    pub(crate) fn next(&self) -> Option<Wakeup> {
        self.order.first().map(|&(at, why)| Wakeup { at, why })
    }
}
