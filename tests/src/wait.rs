//! Waiting for what must happen, with a bound and a sentence.

use std::time::{Duration, Instant};

/// How long a thing that must happen may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a thing that must not happen is given the chance to.
pub const QUIET: Duration = Duration::from_millis(400);

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(5);

/// Waits until `probe` has something to say.
///
/// # Panics
/// When it has not within [`PATIENCE`].
pub async fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    until_async(what, async || probe()).await
}

/// Waits until the condition holds.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub async fn until_true(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(())).await;
}

/// Waits until `probe`, which may itself wait, has something to say.
///
/// # Panics
/// When it has not within [`PATIENCE`].
pub async fn until_async<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(EVERY).await;
    }
}

/// Waits for a future that must end.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(done) => done,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}
