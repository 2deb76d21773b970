//! The machine as a host sees it: one function.

use alloc::vec::Vec;
use core::fmt::Display;

use crate::action::Action;
use crate::input::Input;
use crate::status::Wakeup;
use crate::time::Timestamp;

/// Something that turns inputs into actions: the native [`Proxy`](crate::Proxy), or the same core as a
/// sandboxed component.
pub trait Machine {
    /// How a step can go wrong: never for the native core, a trap for the component.
    type Fault: Display;

    /// Takes the inputs in order and says what to do, in order.
    ///
    /// # Errors
    /// When the engine failed; the machine must then be opened again from the store.
    fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Vec<Action>, Self::Fault>;

    /// When to step next even if nothing happens.
    fn next_wakeup(&self) -> Option<Wakeup>;
}
