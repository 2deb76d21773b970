//! The core as a component: the interface of `wit/` around [`relay_mcp_core::Proxy`], and nothing else.
#![no_std]

extern crate alloc;

mod compare;
mod inbound;
mod outbound;
#[cfg(feature = "rules")]
mod rules;

use alloc::vec::Vec;
use core::cell::RefCell;
use core::slice;

use bindings::exports::relay::mcp_proxy::machine as wit;
use dlmalloc::GlobalDlmalloc;
use relay_mcp_core::{OpenError, Proxy, Timestamp};
use relay_mcp_heap::{Heap, OneThread};

mod bindings {
    #[cfg(not(feature = "rules"))]
    wit_bindgen::generate!({ path: "../../wit", world: "core" });
    #[cfg(feature = "rules")]
    wit_bindgen::generate!({ path: "../../wit", world: "core-with-rules" });
    use super::Component;
    export!(Component);
}

struct Component;

impl wit::Guest for Component {
    type Proxy = Machine;
}

/// The machine. A component is entered by one caller at a time, so the cell is never borrowed twice.
struct Machine(RefCell<Proxy>);

impl wit::GuestProxy for Machine {
    fn open(
        config: wit::Config,
        seed: Vec<u8>,
        now: wit::Timestamp,
        records: Vec<wit::Stored>,
    ) -> Result<wit::Proxy, wit::OpenError> {
        let mut bytes = [0; 32];
        let given = seed.len().min(bytes.len());
        bytes[..given].copy_from_slice(&seed[..given]);
        let records = records.into_iter().map(inbound::record).collect();
        Proxy::open(inbound::config(config), bytes, Timestamp(now), records)
            .map(|proxy| wit::Proxy::new(Self(RefCell::new(proxy))))
            .map_err(|OpenError { kind, id, why }| wit::OpenError { kind: kind.into(), id, why })
    }

    fn step(&self, now: wit::Timestamp, inputs: Vec<wit::Input>) -> wit::Outcome {
        let mut proxy = self.0.borrow_mut();
        let mut actions = Vec::new();
        for input in inputs {
            let todo = proxy.step(Timestamp(now), inbound::input(input));
            actions.extend(todo.into_iter().map(outbound::action));
        }
        wit::Outcome { actions, wakeup: proxy.next_wakeup().map(outbound::wakeup) }
    }
}

/// In place of the compiler's own.
///
/// # Safety
/// Both texts are so long.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, length: usize) -> i32 {
    // SAFETY: as the caller says.
    let (one, other) = unsafe { (slice::from_raw_parts(one, length), slice::from_raw_parts(other, length)) };
    compare::compare(one, other) as i32
}

#[global_allocator]
static ALLOCATOR: Heap<GlobalDlmalloc, OneThread> =
    // SAFETY: a component has one thread.
    Heap::over(GlobalDlmalloc, unsafe { OneThread::new() });

/// A panic is a trap: the host opens the machine again.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
