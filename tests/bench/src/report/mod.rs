//! The report, as Markdown and as a picture.

mod calls;
mod goals;
mod life;
pub(crate) mod plot;
mod store;
mod table;

use self::table::Table;
use crate::results::Results;

/// The whole report. Where there is a picture, this is the name of its file.
pub(crate) fn markdown(results: &Results, picture: Option<&str>) -> String {
    let mut text = String::from("# What relay-mcp-proxy costs\n\n");
    for line in &results.about {
        text += &format!("- {line}\n");
    }
    text += &section("Goals", goals::table(results));
    if let Some(picture) = picture {
        text += &format!("\n![Calls of 400 bytes, and the CPU time of all kinds of request]({picture})\n");
    }
    text += &section("Whether to trust it", calls::checks(results));
    text += &section("Requests that pass through", calls::tables(results));
    text += &section("Writes that are queued", store::writes(results));
    text += &section("A queue that drains", store::drains(results));
    text += &section("Memory", life::memory(results));
    text += &section("Idle event streams", life::streams(results));
    text += &section("Starts", life::starts(results));
    text += &section("A relay that is back", life::recoveries(results));
    text
}

/// A section, unless there is nothing in it.
fn section(title: &str, body: String) -> String {
    match body.is_empty() {
        true => body,
        false => format!("\n## {title}\n\n{body}"),
    }
}

/// A value with so many digits behind the point, thousands apart; a dash when there is none.
fn number(value: impl Into<Option<f64>>, digits: usize) -> String {
    let Some(value) = value.into() else { return "–".into() };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

/// KiB as MiB.
fn mib(kib: u64) -> String {
    number(kib as f64 / 1024.0, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_legible() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(-1234.5, 2), "-1,234.50");
        assert_eq!(number(999.0, 0), "999");
        assert_eq!(number(None, 2), "–");
    }

    #[test]
    fn what_was_not_measured_is_not_in_the_report() {
        let report = markdown(&Results { about: vec!["a machine".into()], ..Results::default() }, None);
        assert_eq!(report, "# What relay-mcp-proxy costs\n\n- a machine\n");
    }
}
