//! The core as a component: the bytes that this build of the repository makes, as `wit/` describes them.

/// The component, which offers the machine (the world `core`); what to type to have it where this machine could
/// not compile it.
pub const COMPONENT: Result<&[u8], &str> = built(include_bytes!(concat!(env!("OUT_DIR"), "/component.wasm")));

/// The module that it is made of, as `build-component.sh` compiled it; empty where it could not.
pub const MODULE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/component.core.wasm"));

/// The one that offers the rules beside it, for hosts in other languages (the world `core-with-rules`).
pub const COMPONENT_WITH_RULES: Result<&[u8], &str> =
    built(include_bytes!(concat!(env!("OUT_DIR"), "/component-with-rules.wasm")));

const fn built(component: &'static [u8]) -> Result<&'static [u8], &'static str> {
    if component.is_empty() {
        Err(include_str!(concat!(env!("OUT_DIR"), "/why-not.txt")))
    } else {
        Ok(component)
    }
}
