//! A component that does what it is told, above all what it may not: each request's body is a script. A line is an
//! action of `wit/`, or something worse, and its words are its numbers and texts; `x` is the exchange of the last
//! request. Lines after `then` are for the next answer of the relay.
#![no_std]

extern crate alloc;

mod actions;
#[cfg(feature = "wasi")]
mod wasi;
mod worse;

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use bindings::exports::relay::mcp_proxy::machine as wit;

mod bindings {
    #[cfg(not(feature = "wasi"))]
    wit_bindgen::generate!({ path: "../../../wit", world: "core" });
    #[cfg(feature = "wasi")]
    wit_bindgen::generate!({ path: ["../../../wit", "wit"], world: "relay:hostile/on-wasi", generate_all });
    use super::Component;
    export!(Component);
}

struct Component;

impl wit::Guest for Component {
    type Proxy = Machine;
}

#[derive(Default)]
struct Machine(RefCell<State>);

#[derive(Default)]
struct State {
    exchange: u64,
    /// What to do at the next answer of the relay.
    then: String,
    /// How many steps there are before a trap.
    left: Option<u32>,
    wakeup: Option<wit::Wakeup>,
}

impl wit::GuestProxy for Machine {
    /// The tools that it is told of are what it does first.
    fn open(
        config: wit::Config,
        _: Vec<u8>,
        _: wit::Timestamp,
        _: Vec<wit::Stored>,
    ) -> Result<wit::Proxy, wit::OpenError> {
        let machine = Self::default();
        for line in &config.bufferable {
            machine.0.borrow_mut().line(line, &mut Vec::new());
        }
        Ok(wit::Proxy::new(machine))
    }

    fn step(&self, _: wit::Timestamp, inputs: Vec<wit::Input>) -> wit::Outcome {
        let mut state = self.0.borrow_mut();
        if let Some(left) = &mut state.left {
            *left = left.checked_sub(1).unwrap_or_else(|| worse::trap());
        }
        let mut actions = Vec::new();
        for input in inputs {
            match input {
                wit::Input::Request(request) => {
                    state.exchange = request.exchange;
                    state.run(&String::from_utf8_lossy(&request.body), &mut actions);
                }
                wit::Input::RelayHead(_) => {
                    let then = core::mem::take(&mut state.then);
                    state.run(&then, &mut actions);
                }
                _ => {}
            }
        }
        wit::Outcome { actions, wakeup: state.wakeup }
    }
}

impl State {
    fn run(&mut self, script: &str, actions: &mut Vec<wit::Action>) {
        let (now, then) = script.split_once("\nthen\n").unwrap_or((script, ""));
        if !then.is_empty() {
            self.then = then.into();
        }
        for line in now.lines() {
            self.line(line, actions);
        }
    }

    fn line(&mut self, line: &str, actions: &mut Vec<wit::Action>) {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (verb, first, second, text) = (word(), word(), word(), word());
        let number = |word: &str| if word == "x" { self.exchange } else { word.parse().unwrap_or_default() };
        let (first_number, second_number) = (number(first), number(second));
        match verb {
            "trap-after" => self.left = Some(first_number as u32),
            "wake" => self.wakeup = Some(wit::Wakeup { at: first_number, why: wit::Why::Probe }),
            "times" => {
                for _ in 0..first_number {
                    self.line(&line[verb.len() + first.len() + 2..], actions);
                }
            }
            "names" => {
                for name in first_number..second_number {
                    self.line(&text.replace('#', &alloc::format!("{name}")), actions);
                }
            }
            #[cfg(feature = "wasi")]
            "wasi" => actions.push(actions::answer(self.exchange, 200, None, wasi::ask(first).into_bytes())),
            _ if worse::does(verb) => {}
            _ => actions.extend(actions::action(verb, first_number, second_number, text)),
        }
    }
}

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    worse::trap()
}
