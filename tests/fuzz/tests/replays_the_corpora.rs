//! Every input that fuzzing kept is run again, on a stable toolchain and without libFuzzer (B-9.8): each target has its
//! corpus, and none is empty.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::path::{Path, PathBuf};
use std::{fs, panic};

/// The inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn replay(target: &str, check: fn(&[u8])) {
    for file in corpus(target) {
        let bytes = fs::read(&file).unwrap();
        if let Err(violation) = panic::catch_unwind(|| check(&bytes)) {
            println!("see it: tests/fuzz/run --show {target} {}", file.display());
            panic::resume_unwind(violation);
        }
    }
}

macro_rules! replays {
    ($($target:ident),*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), relay_mcp_fuzz::$target::check);
            }
        )*

        #[test]
        fn no_target_is_forgotten() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer/targets");
            let mut targets: Vec<String> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            targets.sort();
            let mut replayed = [$(stringify!($target)),*];
            replayed.sort_unstable();
            assert_eq!(targets, replayed);
        }
    };
}

replays!(envelope, sse, menu, headers, config, control, store, record, machine, world);
