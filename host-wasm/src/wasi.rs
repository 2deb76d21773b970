//! WASI 0.2 with nothing behind it, so that a component that was built for wasm32-wasip2 loads too.
//!
//! Its standard library imports these interfaces whether it uses them or not. They are all there, and grant
//! nothing: no argument, no variable, no directory, no socket, no name look-up; stdin is at its end, and what is
//! written goes nowhere. Clocks tell the time and random numbers are random: they are what they are.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Error};
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// What is there.
const PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// The most resources, such as clocks to wait for, that a machine may hold.
const RESOURCES: usize = 1000;

/// How often a call may let others go first before that counts as waiting.
const YIELDS: u32 = 1000;

/// What a component imports.
pub(crate) enum Imports {
    /// Nothing.
    Nothing,
    /// WASI.
    Wasi,
    /// This, which is not there.
    Other(String),
}

impl Imports {
    pub(crate) fn of(component: &Component, engine: &Engine) -> Self {
        let is_wasi = |name: &str| PACKAGES.iter().any(|package| name.starts_with(package));
        let names = names(component, engine);
        match names.iter().find(|name| !is_wasi(name)) {
            Some(name) => Self::Other(name.clone()),
            None if names.is_empty() => Self::Nothing,
            None => Self::Wasi,
        }
    }
}

/// The names of what a component imports.
pub(crate) fn names(component: &Component, engine: &Engine) -> Vec<String> {
    component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect()
}

/// The empty system of one machine, made when it is first asked for anything.
#[derive(Default)]
pub(crate) struct Nothing(Option<(WasiCtx, ResourceTable)>);

impl Nothing {
    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        let (ctx, table) = self.0.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(RESOURCES);
            (WasiCtx::builder().allow_tcp(false).allow_udp(false).max_random_size(1 << 16).build(), table)
        });
        WasiCtxView { ctx, table }
    }
}

pub(crate) fn link<T: WasiView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// Runs what must not wait, since the whole sidecar would wait with it.
pub(crate) fn at_once<T>(work: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    with_ambient_tokio_runtime(|| {
        for _ in 0..YIELDS {
            if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
                return done;
            }
        }
        Err(Error::msg("it waits for something, and a step may not"))
    })
}
