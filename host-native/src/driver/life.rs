//! The lives of the machine: it may fail, and is opened again from the store. Names that it gave mean nothing
//! in its next life.

use std::time::{Duration, Instant};

/// Which life of the machine. What began in one is not told in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Life(u64);

impl Life {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Whether there is a machine.
pub(super) enum State<M> {
    /// There is one.
    Open(M),
    /// It failed, and is open again in a moment: what comes meanwhile waits for that.
    Opening,
    /// It failed again and again, or cannot be opened: what comes meanwhile is answered at once.
    Away,
}

/// The first wait before a machine is opened again that was of no use.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait that everybody is kept waiting for, so that in all, until it is open or nobody waits, that
/// is less than twice as long.
pub(super) const MOMENT: Duration = Duration::from_millis(80);
/// A machine that worked for so long failed for a reason of its own.
const LONG: Duration = Duration::from_secs(10);

/// How soon a machine that failed is opened again: at once when it was of use, else after a wait that doubles.
/// So neither a broken engine nor a record that it cannot digest keeps the processor, or the relay, busy, and
/// whoever asks is served between two failures.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Failures since the machine was last of use.
    in_a_row: u32,
    was_of_use: bool,
    opened: Option<Instant>,
    failed: Option<Instant>,
}

impl Pace {
    /// The machine is open. Gives the time that there was none.
    pub(super) fn opened(&mut self) -> Option<Duration> {
        self.was_of_use = false;
        self.opened = Some(Instant::now());
        self.failed.take().map(|failed| failed.elapsed())
    }

    /// It answered somebody, or is done with something that was stored: neither can it do by itself for ever.
    pub(super) fn is_of_use(&mut self) {
        self.was_of_use = true;
    }

    /// The machine failed, or could not be opened. Gives the wait before it is opened again.
    pub(super) fn failed(&mut self) -> Duration {
        let worked_long = self.opened.take().is_some_and(|opened| opened.elapsed() >= LONG);
        if std::mem::take(&mut self.was_of_use) || worked_long {
            self.in_a_row = 0;
        }
        self.failed.get_or_insert_with(Instant::now);
        let wait = match self.in_a_row {
            0 => Duration::ZERO,
            again => FIRST_WAIT.saturating_mul(1 << (again - 1).min(10)).min(LONGEST_WAIT),
        };
        self.in_a_row = self.in_a_row.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_of_no_use_is_opened_less_and_less_often() {
        let mut pace = Pace::default();
        let waits: Vec<_> = (0..10).map(|_| pace.failed().as_millis()).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640, 1280, 2000]);
        assert!(pace.opened().is_some());
        assert_eq!(pace.failed(), LONGEST_WAIT);
        pace.opened();
        pace.is_of_use();
        assert_eq!(pace.failed(), Duration::ZERO);
        pace.opened();
        assert_eq!(pace.failed(), FIRST_WAIT, "what it did before was done by another");
    }
}
