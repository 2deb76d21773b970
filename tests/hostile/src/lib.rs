//! Components that break the rules as their requests tell them (`guest`).

/// One that imports nothing.
pub const PLAIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plain.wasm"));

/// The same, and it imports WASI.
pub const ON_WASI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wasi.wasm"));
