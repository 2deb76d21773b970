//! The component is the same machine as the native core: what one does, the other does, byte for byte (B-9.7,
//! OUTBOX G17).
//!
//! `RELAY_MCP_SEED` and `RELAY_MCP_MINUTES` choose another run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use relay_mcp_core::{
    Action, AgentRequest, Config, ExchangeId, Input, Machine, Method, Record, RecordKey, RecordKind,
    RelayHead, Timestamp,
};
use relay_mcp_host_wasm::{Cache, ComponentMachine, Fault, Limits, Sandbox};
use relay_mcp_tests::seeded::Seeded;
use relay_mcp_tests::simulation::run;
use relay_mcp_tests::world::{Act, Crash, Plan, World};

/// How many runs of the simulator are compared.
const RUNS: u64 = 200;

fn sandbox() -> Sandbox {
    let component =
        relay_mcp_artifact::COMPONENT.unwrap_or_else(|why_not| panic!("there is no component: {why_not}"));
    let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
    Sandbox::new(component, Limits::default(), &cache).expect("a component that asks for nothing")
}

fn check(world: &World, sandbox: &Sandbox) {
    world.host.check_equality(|config, seed, now, records| -> ComponentMachine {
        sandbox.open(&config, seed, now, records).expect("the records are ours")
    });
}

#[test]
fn the_same_ten_minutes_beside_a_flapping_relay() {
    let seed = Seeded::seed_from("RELAY_MCP_SEED", 20_261_122);
    let minutes = Seeded::seed_from("RELAY_MCP_MINUTES", 10);
    let mut world = World::new(Plan::soak(seed, minutes));
    world.run();
    check(&world, &sandbox());
}

/// What a machine recovers from its records is the same too.
#[test]
fn the_same_after_a_crash() {
    let sandbox = sandbox();
    for seed in 1..6 {
        let mut plan = Plan::soak(seed, 1);
        plan.acts.insert(plan.acts.len() / 2, (0, Act::Crash(Crash { kept: 1, ..Crash::default() })));
        let mut world = World::new(plan);
        world.run();
        check(&world, &sandbox);
    }
}

/// Whatever befalls them, in every life: the runs of the simulator.
#[test]
fn the_same_in_every_run_of_the_simulator() {
    let sandbox = sandbox();
    for seed in 1..=RUNS {
        check(&run(Plan::of_seed(seed), None), &sandbox);
    }
}

#[test]
fn the_same_refusal_of_a_record() {
    let key = RecordKey { kind: RecordKind::Write, id: "1".into() };
    let record = Record { key, value: "{}".into() };
    let now = Timestamp(1);
    let native = relay_mcp_core::Proxy::open(Config::default(), [0; 32], now, vec![record.clone()]);
    let component = sandbox().open(&Config::default(), [0; 32], now, vec![record]);
    match (native, component) {
        (Err(native), Err(Fault::Refused(component))) => assert_eq!(native, component),
        (_, Ok(_)) => panic!("the component takes it"),
        (native, Err(fault)) => panic!("{fault}, not {:?}", native.err()),
    }
}

/// A machine that was opened and had no input yet has nothing to do.
#[test]
fn a_fresh_machine_rests() {
    let machine = sandbox().open(&Config::default(), [0; 32], Timestamp(1), Vec::new()).unwrap();
    assert_eq!(machine.next_wakeup(), None);
}

/// Of two calls that were passed on, both of which are late by then, neither is answered once more.
#[test]
fn what_was_passed_on_is_over_before_its_time_is() {
    let mut machine = sandbox().open(&Config::default(), [0; 32], Timestamp(1), Vec::new()).unwrap();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"x/y"}"#;
    let call = |machine: &mut ComponentMachine, exchange| {
        let request =
            AgentRequest { method: Method::Post, query: None, headers: Vec::new(), body: body.into() };
        let exchange = ExchangeId(exchange);
        let actions = machine.step(Timestamp(2), vec![Input::Request { exchange, request }]).unwrap();
        let [Action::Call { call, pass_to, .. }] = actions[..] else { panic!("{actions:?}") };
        (call, pass_to)
    };
    let (first, _) = call(&mut machine, 1);
    let head = RelayHead { status: 200, headers: Vec::new(), token_changed: false };
    machine.step(Timestamp(3), vec![Input::RelayHead { call: first, head }]).unwrap();
    let (one, other) = (call(&mut machine, 2), call(&mut machine, 3));
    assert_eq!((one.1, other.1), (Some(ExchangeId(2)), Some(ExchangeId(3))));
    let told = [other.0, one.0].map(|call| Input::Passed { call });
    let inputs = told.into_iter().chain([Input::Tick]).collect();
    assert_eq!(machine.step(Timestamp(86_400_000), inputs).unwrap(), []);
}
