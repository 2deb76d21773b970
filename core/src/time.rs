//! Time as the machine knows it: one number that the host hands in and that never goes back.

use core::ops::Add;
use core::time::Duration;

/// Milliseconds since the Unix epoch, non-decreasing within one run of a host.
///
/// A host takes the wall clock once, at start, and adds the monotonic time that has passed since; so
/// waiting follows the monotonic clock and ages read as wall time, and a clock that is set back drops
/// nothing (OUTBOX G18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long ago `earlier` was; zero when it lies in the future (a record written before the clock
    /// was set back).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(millis(wait)))
    }
}

/// A length of time as the interface and the sentences count it.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A wait that doubles with each failure.
pub(crate) fn doubled(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX))
}
