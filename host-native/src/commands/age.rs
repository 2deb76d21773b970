//! Spans of time and amounts, as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A span in its two largest units, such as `3m 12s`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else if seconds > 0 {
        format!("{seconds}s")
    } else {
        format!("{}ms", duration.as_millis())
    }
}

/// The span since a time in milliseconds since the Unix epoch; zero when it lies in the future.
pub(super) fn since(millis: u64) -> String {
    let then = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    let age = then.and_then(|then| SystemTime::now().duration_since(then).ok());
    span(age.unwrap_or_default())
}

/// An amount of bytes, such as `1.3 kB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000.. => format!("{:.1} MB", count as f64 / 1e6),
    }
}

/// `1 write`, `2 writes`.
pub(super) fn count(count: u64, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_their_two_largest_units() {
        for (millis, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (59_999, "59s"),
            (192_000, "3m 12s"),
            (3_600_000, "1h 0m"),
            (93_600_000, "1d 2h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_time_in_the_future_is_now() {
        assert_eq!(since(u64::MAX), "0ms");
    }

    #[test]
    fn amounts_are_said_with_one_decimal() {
        assert_eq!([bytes(12), bytes(1_300), bytes(67_108_864)], ["12 B", "1.3 kB", "67.1 MB"]);
        assert_eq!([count(0, "write"), count(1, "write")], ["0 writes", "1 write"]);
    }
}
