//! What a step expected, and what it saw instead.

use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

/// How long anything may take before it counts as never. Far more than is needed on a slow, busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How often a condition is looked at that nobody tells of.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What should have been.
    pub expected: String,
    /// What was.
    pub seen: String,
}

impl Trouble {
    pub(super) fn new(expected: impl Display, seen: impl Display) -> Self {
        Self { expected: expected.to_string(), seen: seen.to_string() }
    }
}

/// Says what was expected of something that may fail.
pub(super) trait Expecting<T> {
    /// The value, or the trouble that it is not there.
    fn expecting(self, what: impl Display) -> Result<T, Trouble>;
}

impl<T, E: Display> Expecting<T> for Result<T, E> {
    fn expecting(self, what: impl Display) -> Result<T, Trouble> {
        self.map_err(|error| Trouble::new(what, error))
    }
}

impl<T> Expecting<T> for Option<T> {
    fn expecting(self, what: impl Display) -> Result<T, Trouble> {
        self.ok_or_else(|| Trouble::new(what, "nothing of the kind"))
    }
}

/// That something is what it should be.
pub(super) fn check<T: PartialEq + Debug>(what: &str, seen: T, expected: T) -> Result<(), Trouble> {
    let trouble = || Trouble::new(format!("{what} to be {expected:?}"), format!("{seen:?}"));
    if seen == expected { Ok(()) } else { Err(trouble()) }
}

/// That something happens in time.
pub(super) async fn in_time<T>(what: &str, event: impl Future<Output = T>) -> Result<T, Trouble> {
    let late = |_| Trouble::new(what, format!("nothing for {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, event).await.map_err(late)
}

/// That something becomes what it should be, in time.
pub(super) async fn becomes<T: PartialEq + Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, Trouble>,
    expected: T,
) -> Result<(), Trouble> {
    let began = Instant::now();
    loop {
        let seen = look().await?;
        if seen == expected || began.elapsed() > PATIENCE {
            return check(what, seen, expected);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_says_what_was_expected_and_what_was_seen() {
        assert_eq!(check("the depth", 2, 2), Ok(()));
        assert_eq!(check("the depth", 3, 2), Err(Trouble::new("the depth to be 2", "3")));
        assert_eq!(None::<u8>.expecting("a key"), Err(Trouble::new("a key", "nothing of the kind")));
    }
}
