//! Aligned columns.

use std::io::{self, Write};

use crate::telemetry::one_line::escaped;

/// A cell that is wider runs over its column: a key of a megabyte does not widen it for all others.
const WIDEST: usize = 100;

/// Writes rows with the columns aligned, two spaces apart; the last column is not padded. Every cell is one
/// line, whatever a stranger wrote into it.
pub(super) fn write<const N: usize>(rows: &[[String; N]], out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| escaped(cell).into_owned())).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().min(WIDEST).max(*width);
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            let missing = width.saturating_sub(cell.chars().count());
            line.extend(std::iter::repeat_n(' ', missing + 2));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_are_one_line() {
        let rows = [["KEY", "STATE"], ["a\u{1b}\nb", "dead"]].map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        write(&rows, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "KEY         STATE\na\\u001b\\nb  dead\n");
    }

    #[test]
    fn a_cell_of_any_width_is_written_and_widens_no_other() {
        let long = "k".repeat(70_000);
        let rows = [["KEY", "STATE"], ["short", "dead"], [&long, "dead"]].map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        write(&rows, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().take(2).all(|line| line.len() < 120), "{text}");
        assert!(text.ends_with(&format!("{long}  dead\n")));
    }
}
