//! The memory of the component in this process, as the system shows it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// A component's memory can grow to 4 GiB without being moved: the addresses for that are kept free behind it.
const RESERVED: u64 = 3 << 30;

struct Mapping {
    from: u64,
    to: u64,
    is_readable: bool,
}

/// All of the memory of the one component of this process: what it holds, and what it held and has not overwritten.
///
/// # Panics
/// When there is none, or more than one.
pub(crate) fn of_the_component() -> Vec<u8> {
    let maps = mappings();
    let free = |mapping: &Mapping| !mapping.is_readable && mapping.to - mapping.from >= RESERVED;
    let mut memories =
        maps.iter().enumerate().filter(|(_, mapping)| free(mapping)).filter_map(|(at, behind)| {
            let mut from = behind.from;
            for before in maps[..at].iter().rev() {
                if before.to != from || !before.is_readable {
                    break;
                }
                from = before.from;
            }
            (from < behind.from).then_some((from, behind.from))
        });
    let (from, to) = memories.next().expect("the memory of a component");
    assert_eq!(memories.next(), None, "there is one machine");
    let mut memory = vec![0; usize::try_from(to - from).unwrap()];
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut memory, from).unwrap();
    memory
}

fn mappings() -> Vec<Mapping> {
    let text = fs::read_to_string("/proc/self/maps").unwrap();
    let mapping = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        Some(Mapping { from: address(from)?, to: address(to)?, is_readable: rest.starts_with("rw") })
    };
    text.lines().map(|line| mapping(line).expect("a mapping")).collect()
}

/// Whether these bytes are somewhere in there.
#[must_use]
pub(crate) fn holds(memory: &[u8], needle: &str) -> bool {
    let needle = needle.as_bytes();
    memory.windows(needle.len()).any(|window| window[0] == needle[0] && window == needle)
}
