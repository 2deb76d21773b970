//! How the story is told: numbered steps, each with its time and what was seen.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::DemoError;
use super::trouble::Trouble;

/// Where the times stand.
const COLUMN: usize = 92;

/// What a step gives, and what there is to say of it, a line each.
pub(super) struct Told<T> {
    value: T,
    lines: Vec<String>,
}

/// A step that went well.
pub(super) fn told<T>(value: T, lines: impl Into<Vec<String>>) -> Result<Told<T>, Trouble> {
    Ok(Told { value, lines: lines.into() })
}

/// Tells steps as they happen.
pub(super) struct Teller<'out, W> {
    out: &'out mut W,
    steps: usize,
}

impl<'out, W: Write> Teller<'out, W> {
    pub(super) fn new(out: &'out mut W) -> Self {
        Self { out, steps: 0 }
    }

    /// Tells one step, and gives what it gave.
    pub(super) async fn step<T>(
        &mut self,
        title: &str,
        work: impl Future<Output = Result<Told<T>, Trouble>>,
    ) -> Result<T, DemoError> {
        self.steps += 1;
        write!(self.out, "{:>2}  {title} ", self.steps)?;
        self.out.flush()?;
        let began = Instant::now();
        let done = work.await;
        let took = ms(began.elapsed());
        let dots = ".".repeat(COLUMN.saturating_sub(title.chars().count() + 5));
        match done {
            Ok(Told { value, lines }) => {
                writeln!(self.out, "{dots} {took:>10}")?;
                self.lines(&lines)?;
                Ok(value)
            }
            Err(Trouble { expected, seen }) => {
                writeln!(self.out, "{dots} FAILED after {took}")?;
                self.lines(&[format!("expected: {expected}"), format!("seen:     {seen}")])?;
                Err(DemoError::Failed(self.steps))
            }
        }
    }

    fn lines(&mut self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| writeln!(self.out, "    {line}"))?;
        self.out.flush()
    }
}

/// `1.7 ms`.
pub(super) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// `1 tool`, `2 tools`.
pub(super) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn steps_are_numbered_and_a_failed_one_says_why() {
        let mut out = Vec::new();
        let mut tell = Teller::new(&mut out);
        assert_eq!(tell.step("first", async { told(7, ["seven".to_owned()]) }).await.unwrap(), 7);
        let failed = tell.step("second", async { Err::<Told<()>, _>(Trouble::new("sun", "rain")) }).await;
        assert!(matches!(failed, Err(DemoError::Failed(2))));
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with(" 1  first ....") && lines[0].ends_with(" ms"), "{text}");
        assert_eq!(lines[1], "    seven");
        assert!(lines[2].starts_with(" 2  second ....") && lines[2].contains("FAILED after"), "{text}");
        assert_eq!(lines[3..], ["    expected: sun", "    seen:     rain"]);
    }
}
