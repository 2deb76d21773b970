//! Durations and sizes as text.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A duration: a whole number and `ms`, `s`, `m` or `h`.
pub(super) fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let (number, unit) = divide(text);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{text:?} is not a duration: say it as in `250ms`, `25s` or `2m`")),
    };
    let millis = number
        .and_then(|number: u64| number.checked_mul(unit))
        .ok_or_else(|| format!("{text:?} is not a duration: say it as in `250ms`, `25s` or `2m`"))?;
    within(Duration::from_millis(millis), range, text, show)
}

/// A number of bytes, plain or with `KiB`, `MiB` or `GiB`.
pub(super) fn bytes(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let wrong = || format!("{text:?} is not a size: say it in bytes, or as in `64KiB` or `4MiB`");
    let (number, unit) = divide(text);
    let unit = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let bytes = number.and_then(|number: usize| number.checked_mul(unit)).ok_or_else(wrong)?;
    within(bytes, range, text, |bytes| format!("{bytes} bytes"))
}

/// A plain number.
pub(super) fn count(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.trim().parse().map_err(|_| format!("{text:?} is not a whole number"))?;
    within(number, range, text, |number| number.to_string())
}

fn divide<Number: std::str::FromStr>(text: &str) -> (Option<Number>, &str) {
    let text = text.trim();
    let end = text.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.parse().ok(), unit.trim())
}

fn within<Value: PartialOrd>(
    value: Value,
    range: RangeInclusive<Value>,
    text: &str,
    show: impl Fn(&Value) -> String,
) -> Result<Value, String> {
    if value < *range.start() {
        return Err(format!("{text} is too little: at least {}", show(range.start())));
    }
    if value > *range.end() {
        return Err(format!("{text} is too much: at most {}", show(range.end())));
    }
    Ok(value)
}

/// A duration as it would be written in the configuration.
pub(crate) fn show(duration: &Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 == 0 => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn b_11_durations_are_a_whole_number_and_a_unit() {
        for (text, millis) in
            [("250ms", 250), ("25s", 25_000), ("2m", 120_000), ("1h", 3_600_000), (" 1 s ", 1000)]
        {
            assert_eq!(duration(text, Duration::ZERO..=HOUR), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "25",
            "s",
            "-1s",
            "1.5s",
            "1d",
            "25 seconds",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            let error = duration(text, Duration::ZERO..=Duration::MAX).unwrap_err();
            assert!(error.contains("is not a duration"), "{error}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        for (text, size) in
            [("8192", 8192), ("64KiB", 65_536), ("4MiB", 4 << 20), ("1 GiB", 1 << 30), ("7B", 7)]
        {
            assert_eq!(bytes(text, 0..=usize::MAX), Ok(size), "{text}");
        }
        for text in ["", "MiB", "4MB", "4k", "-1", "1.5MiB", "99999999999999GiB"] {
            assert!(bytes(text, 0..=usize::MAX).unwrap_err().contains("is not a size"), "{text}");
        }
    }

    #[test]
    fn zero_and_absurd_values_are_refused_with_the_bound() {
        let bounds = Duration::from_millis(10)..=HOUR;
        assert_eq!(duration("0s", bounds.clone()).unwrap_err(), "0s is too little: at least 10ms");
        assert_eq!(duration("2h", bounds).unwrap_err(), "2h is too much: at most 3600s");
        assert_eq!(bytes("1", 8192..=1 << 20).unwrap_err(), "1 is too little: at least 8192 bytes");
        assert_eq!(count("0", 1..=9).unwrap_err(), "0 is too little: at least 1");
        assert!(count("many", 1..=9).is_err());
    }
}
