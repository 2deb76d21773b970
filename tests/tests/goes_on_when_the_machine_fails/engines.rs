//! Engines that fail when a test wants them to.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use relay_mcp_core::{Action, Input, Machine, OpenError, Proxy, Timestamp, Wakeup};
use relay_mcp_host_native::engine::{CannotOpen, Engine};
use relay_mcp_host_wasm::{Cache, ComponentMachine, Fault, Limits, Sandbox};
use relay_mcp_tests::seeded::Seeded;

/// A request that is larger than this is more than any machine here can bear. The door lets it in.
const TOO_LARGE: usize = 4 << 20;

/// The body of a request that no machine here survives.
pub(crate) fn poison() -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"poison","method":"x/y","params":"{}"}}"#, "x".repeat(TOO_LARGE))
}

/// The native machine, which fails over what is too large for it, and when it is told to.
pub(crate) struct Failing {
    proxy: Proxy,
    faults: Arc<Faults>,
    left: u64,
}

/// What goes wrong with the native machine.
#[derive(Default)]
pub(crate) struct Faults {
    /// How many steps the lives have, if they are to end.
    lives: Mutex<Option<Seeded>>,
    /// How many of the next steps fail.
    steps: AtomicU64,
    /// How often it does not open, or not as it should.
    closed: AtomicU64,
    damaged: AtomicU64,
    /// How often it was to be opened.
    pub(crate) opened: AtomicUsize,
    /// How often it failed in a step.
    pub(crate) failed: AtomicUsize,
}

impl Faults {
    /// From the next life on each ends by itself, most after some steps, some at once.
    pub(crate) fn end_lives(&self, chance: Seeded) {
        *self.lives.lock().unwrap() = Some(chance);
    }

    /// Lives begin that last.
    pub(crate) fn heal(&self) {
        *self.lives.lock().unwrap() = None;
    }

    /// The next step fails.
    pub(crate) fn fail_next(&self) {
        self.steps.store(1, Ordering::SeqCst);
    }

    /// It does not open so many times.
    pub(crate) fn keep_closed(&self, times: u64) {
        self.closed.store(times, Ordering::SeqCst);
    }

    /// The next time it does not take what the store holds.
    pub(crate) fn damage(&self) {
        self.damaged.store(1, Ordering::SeqCst);
    }

    fn next_life(&self) -> u64 {
        match &mut *self.lives.lock().unwrap() {
            None => u64::MAX,
            Some(chance) => match chance.below(16) {
                0 => chance.below(4),
                _ => 4 + chance.below(20),
            },
        }
    }
}

fn take(times: &AtomicU64) -> bool {
    times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Machine for Failing {
    type Fault = &'static str;

    fn step(&mut self, now: Timestamp, inputs: Vec<Input>) -> Result<Vec<Action>, Self::Fault> {
        let is_bearable = |input: &Input| !matches!(input, Input::Request { request, .. } if request.body.len() > TOO_LARGE);
        let is_well = inputs.iter().all(is_bearable) && !take(&self.faults.steps);
        match self.left.checked_sub(1).filter(|_| is_well) {
            Some(left) => self.left = left,
            None => {
                self.faults.failed.fetch_add(1, Ordering::SeqCst);
                return Err("a trap");
            }
        }
        Ok(inputs.into_iter().flat_map(|input| self.proxy.step(now, input)).collect())
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.proxy.next_wakeup()
    }
}

/// The native machine, and what makes it fail.
pub(crate) fn native() -> (Engine<Failing>, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let told = faults.clone();
    let engine = Engine::new("failing", move |config, seed, now, records| {
        told.opened.fetch_add(1, Ordering::SeqCst);
        if take(&told.closed) {
            return Err(CannotOpen::Engine("a trap as it opens".into()));
        }
        if take(&told.damaged) {
            let why = "it is not JSON".into();
            return Err(CannotOpen::Record(OpenError { kind: "write", id: "1".into(), why }));
        }
        let proxy = Proxy::open(config, seed, now, records)?;
        Ok(Failing { proxy, left: told.next_life(), faults: told.clone() })
    });
    (engine, faults)
}

/// The component, with little memory.
pub(crate) fn component() -> Engine<ComponentMachine> {
    let component =
        relay_mcp_artifact::COMPONENT.unwrap_or_else(|why_not| panic!("there is no component: {why_not}"));
    let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
    let limits = Limits { memory: TOO_LARGE, ..Limits::default() };
    let sandbox = Sandbox::new(component, limits, &cache).expect("a component that asks for nothing");
    Engine::new("component", move |config, seed, now, records| {
        sandbox.open(&config, seed, now, records).map_err(|fault| match fault {
            Fault::Refused(error) => CannotOpen::Record(error),
            trap => CannotOpen::Engine(trap.to_string()),
        })
    })
}
