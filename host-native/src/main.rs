//! `relay-mcp-proxy`, with the core built in.

use std::alloc::System;
use std::process::ExitCode;

use relay_mcp_heap::{Heap, OfThread};
use relay_mcp_host_native::engine::native;
use relay_mcp_host_native::run::{Program, main as run};

#[global_allocator]
static ALLOCATOR: Heap<System, OfThread> = Heap::over_system();

fn main() -> ExitCode {
    run(Program {
        engine: |component| component.refuse().map(|()| native()),
        describe: |component| component.refuse().map(|()| None),
    })
}
