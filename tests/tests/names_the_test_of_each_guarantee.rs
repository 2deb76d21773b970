//! `GUARANTEES.md` points at tests that are there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

#[test]
fn what_is_pointed_at_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(folder.join("GUARANTEES.md")).unwrap();
    let mut missing = Vec::new();
    for guarantee in 1..=18 {
        let row =
            page.lines().find(|line| line.starts_with(&format!("| G{guarantee} |"))).unwrap_or_default();
        let pointers: Vec<_> = row.split('`').filter_map(|text| text.split_once("::")).collect();
        if pointers.is_empty() {
            missing.push(format!("G{guarantee} is shown by nothing"));
        }
        for (file, test) in pointers {
            let source = fs::read_to_string(folder.join(file)).unwrap_or_default();
            if !source.contains(&format!("fn {test}(")) {
                missing.push(format!("{file} has no {test}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}
