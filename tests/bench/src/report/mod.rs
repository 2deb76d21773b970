//! The report, as Markdown.

pub(crate) mod calls;

/// A value with so many digits behind the point, thousands apart; a dash when there is none.
pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    let Some(value) = value else { return "–".into() };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_legible() {
        assert_eq!(number(Some(1_234_567.0), 0), "1,234,567");
        assert_eq!(number(Some(-1234.5), 2), "-1,234.50");
        assert_eq!(number(Some(999.0), 0), "999");
        assert_eq!(number(None, 2), "–");
    }
}
