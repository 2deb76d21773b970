//! The watch over steps: one that takes too long is a trap.
//!
//! wasmtime compares a number, the epoch, at every loop of the component, and this thread moves it on. It
//! sleeps while nobody steps, so that an idle sidecar wakes for nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{Engine, Store};

/// How many times the epoch moves on in the longest time that a step may take.
const TICKS: u32 = 4;

/// Watches all steps of an engine.
pub(crate) struct Watch {
    steps: Arc<Steps>,
    thread: Thread,
}

#[derive(Default)]
struct Steps {
    /// Steps under way.
    inside: AtomicUsize,
    /// Whether one began since the thread last looked.
    has_begun: AtomicBool,
}

impl Watch {
    pub(crate) fn over(engine: &Engine, longest: Duration) -> Self {
        let steps = Arc::new(Steps::default());
        let (watched, engine) = (Arc::downgrade(&steps), engine.clone());
        let thread = thread::spawn(move || watch(&watched, &engine, longest / TICKS));
        Self { steps, thread: thread.thread().clone() }
    }

    /// Enters the component, for so long at the most.
    pub(crate) fn step<T, R>(&self, store: &mut Store<T>, enter: impl FnOnce(&mut Store<T>) -> R) -> R {
        // One more, since the epoch may move on at any moment.
        store.set_epoch_deadline(u64::from(TICKS) + 1);
        self.steps.inside.fetch_add(1, Ordering::SeqCst);
        if !self.steps.has_begun.swap(true, Ordering::SeqCst) {
            self.thread.unpark();
        }
        let left = enter(store);
        self.steps.inside.fetch_sub(1, Ordering::SeqCst);
        left
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.thread.unpark();
    }
}

fn watch(steps: &Weak<Steps>, engine: &Engine, tick: Duration) {
    while let Some(steps) = steps.upgrade() {
        let is_idle =
            steps.inside.load(Ordering::SeqCst) == 0 && !steps.has_begun.swap(false, Ordering::SeqCst);
        drop(steps);
        if is_idle {
            thread::park();
        } else {
            thread::sleep(tick);
            engine.increment_epoch();
        }
    }
}
