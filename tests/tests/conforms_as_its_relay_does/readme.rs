//! The table that is kept in `tests/conformance/README.md`.

use std::fmt::Write as _;
use std::path::Path;

use super::comparison::Comparison;
use super::explained;

const HEAD: &str = "# Conformance

The official conformance runner (npm's `@modelcontextprotocol/conformance`, pinned in `package.json` here) asks a relay
directly, and asks another of the same kind through the proxy. Not one check may end worse through the proxy than
directly; where one ends better, the reason is below its table.

There are two relays. The fixture on rmcp (`tests/tests/conforms_as_its_relay_does/fixture`) is there to pass what the
runner checks, since only a check that passes directly can show a fault of the proxy. npm's `server-everything` was not
written for the runner and speaks the legacy era only: there, what fails directly must fail in the same way. Each
revision is asked for all scenarios of its set of requirements, with those that the runner tries without scoring them.

This file is written by the test that compares it: `UPDATE_GOLDEN=1 tests/run --test conforms_as_its_relay_does`. A
note is what the runner says without judging; the same check may be made, and count, more than once.
";

/// Compares the tables with those that are kept; with `UPDATE_GOLDEN=1` keeps these.
pub(crate) fn check(comparisons: &[Comparison]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join("README.md");
    let text = text(comparisons);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let same = kept.lines().zip(text.lines()).take_while(|(kept, found)| kept == found).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(its end)").to_owned();
    assert!(
        kept == text,
        "tests/conformance/README.md is stale from line {} on (UPDATE_GOLDEN=1 keeps what is found):\n- {}\n+ {}",
        same + 1,
        line(&kept),
        line(&text)
    );
}

fn text(comparisons: &[Comparison]) -> String {
    let mut text = HEAD.to_owned();
    for comparison in comparisons {
        write!(text, "\n{}", comparison.table()).unwrap();
        let differences = comparison.differences();
        if !differences.is_empty() {
            text.push_str("\nPasses only through the proxy:\n\n");
        }
        for difference in &differences {
            let reason = explained::reason(comparison, difference).unwrap_or("nobody knows why");
            writeln!(text, "- {}, `{}`: {reason}.", difference.scenario, difference.check).unwrap();
        }
    }
    text
}
