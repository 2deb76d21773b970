//! Tables in Markdown.

/// A table: text on the left, numbers on the right.
pub(super) struct Table(String);

impl Table {
    /// With these headings. The columns before the first number are text.
    pub(super) fn new(headings: &[&str], texts: usize) -> Self {
        let mut table = Self(String::new());
        table.row(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>());
        let lines = (0..headings.len()).map(|at| if at < texts { "---" } else { "---:" }.to_owned());
        table.0 += &format!("|{}|\n", lines.collect::<Vec<_>>().join("|"));
        table
    }

    pub(super) fn row(&mut self, cells: &[String]) {
        self.0 += &format!("| {} |\n", cells.join(" | "));
    }

    /// The text of it.
    pub(super) fn finish(self) -> String {
        self.0
    }
}
