//! The core as a component: the bytes that this build of the repository makes, as `wit/` describes them.

/// The component; what to type to have it where this machine could not compile it.
pub const COMPONENT: Result<&[u8], &str> = {
    let bytes: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.wasm"));
    if bytes.is_empty() { Err(include_str!(concat!(env!("OUT_DIR"), "/why-not.txt"))) } else { Ok(bytes) }
};

/// The module that the component is made of, as `build-component.sh` compiled it; empty where it could not.
pub const MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/core.wasm"));
