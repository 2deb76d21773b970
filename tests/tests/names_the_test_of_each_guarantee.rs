//! `GUARANTEES.md` and `SECURITY.md` point at tests that are there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
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
        missing.extend(
            pointers.into_iter().filter(|(file, test)| !is_there(&folder.join(file), test)).map(no_test),
        );
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn each_attack_has_a_test_that_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(folder.join("../SECURITY.md")).unwrap();
    let pointers = page.split('`').filter_map(|text| text.split_once(".rs::"));
    let mut missing = Vec::new();
    let mut files = BTreeSet::new();
    for (file, test) in pointers {
        files.insert(format!("{file}.rs"));
        if !is_there(&folder.join(format!("tests/holds_the_door/{file}.rs")), test) {
            missing.push(no_test((file, test)));
        }
    }
    // A file of attacks that the page does not speak of is not documented.
    for entry in fs::read_dir(folder.join("tests/holds_the_door")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".rs") && !["main.rs", "wire.rs"].contains(&name.as_str()) && !files.contains(&name)
        {
            missing.push(format!("{name} is pointed at by nothing"));
        }
    }
    assert_eq!(missing, [""; 0]);
}

fn is_there(file: &Path, test: &str) -> bool {
    fs::read_to_string(file).unwrap_or_default().contains(&format!("fn {test}("))
}

fn no_test((file, test): (&str, &str)) -> String {
    format!("{file} has no {test}")
}
