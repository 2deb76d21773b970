//! What is no action: it takes time, memory or stack without end, or traps.

use alloc::vec::Vec;
use core::hint::black_box;

/// Does it, where it is something like that.
pub(crate) fn does(verb: &str) -> bool {
    match verb {
        "loop" => spin(),
        "grow" => grow(),
        "recurse" => {
            recurse(0);
        }
        "trap" => trap(),
        _ => return false,
    }
    true
}

pub(crate) fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

fn spin() {
    let mut turns = 0_u64;
    while black_box(true) {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn grow() {
    let mut all = Vec::new();
    while black_box(true) {
        all.push(black_box(Vec::<u8>::with_capacity(1 << 20)));
    }
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    recurse(black_box(depth + 1)) + black_box(depth)
}
