//! How long the check of the secret takes tells nothing of it (B-1.3).
//!
//! There is one place where a secret is compared, [`Secret::opens`], and a [`Secret`] gives nobody else what is in it.
//! With a secret of a quarter of a mebibyte, a comparison that ended at the first difference would be tens to thousands
//! of times as fast for a wrong beginning as for a wrong end.

use std::hint::black_box;
use std::time::Duration;

use relay_mcp_core::door::Secret;
use rustix::time::{ClockId, clock_gettime};

const LENGTH: usize = 256 << 10;
const ROUNDS: usize = 20;

/// A wrong one may take so much longer, or shorter, than another: far more than chance, far less than an early end.
const ODDS: u32 = 2;

#[test]
fn a_wrong_secret_is_looked_at_to_its_end() {
    let secret = "s".repeat(LENGTH);
    let wrong_at = |at: usize| {
        let mut guess = format!("Bearer {secret}").into_bytes();
        guess[7 + at] = b'x';
        guess
    };
    // One that is shorter or longer is looked at as far as it goes, too.
    let too_long = format!("Bearer x{secret}").into_bytes();
    let too_short = format!("Bearer x{}", &secret[2..]).into_bytes();
    let all_wrong = format!("Bearer {}", "x".repeat(LENGTH)).into_bytes();
    let guesses = [wrong_at(0), wrong_at(LENGTH / 2), wrong_at(LENGTH - 1), all_wrong, too_long, too_short];
    let secret = Secret::new(secret);
    let mut shortest = [Duration::MAX; 6];
    // In turns, so that a busy machine is busy for each of them; the shortest time is the one nobody disturbed.
    for _ in 0..ROUNDS {
        for (guess, shortest) in guesses.iter().zip(&mut shortest) {
            let start = worked();
            let opened = black_box(&secret).opens(black_box(guess));
            *shortest = (worked() - start).min(*shortest);
            assert!(!opened);
        }
    }
    println!(
        "wrong at the beginning, in the middle, at the end, everywhere, too long, too short: {shortest:?}"
    );
    let (least, most) = (shortest.iter().min().unwrap(), shortest.iter().max().unwrap());
    assert!(*most < *least * ODDS, "{shortest:?}");
}

/// How long this thread has worked: time in which others had the processor is not counted.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}
