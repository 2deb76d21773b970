//! The types of `wit/`, as wasmtime makes them.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated from wit/")]

wasmtime::component::bindgen!({ path: "../wit", world: "core" });
