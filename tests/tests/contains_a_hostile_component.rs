//! A component that breaks the rules is stopped at the first rule that it breaks, with a sentence that names it; what
//! it wants without end, it does not get. The component of `tests/hostile` does what the request says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use relay_mcp_core::{
    Action, AgentRequest, CallId, Command, CommandId, Config, ExchangeId, Input, Machine, Method,
    RelayFailure, RelayHead, Sent, Ticket, Timestamp,
};
use relay_mcp_host_wasm::{Cache, ComponentMachine, Fault, Limits, Sandbox};

const NOW: Timestamp = Timestamp(1000);

fn sandbox(limits: Limits) -> Sandbox {
    let cache = Cache::in_directory(concat!(env!("CARGO_TARGET_TMPDIR"), "/components").into());
    Sandbox::new(relay_mcp_hostile::PLAIN, limits, &cache).expect("it offers the machine")
}

/// One for most tests; a short time is enough for a component that only breaks rules.
fn machine() -> ComponentMachine {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| sandbox(Limits::default()));
    sandbox.open(&Config::default(), [0; 32], NOW, Vec::new()).unwrap()
}

fn request(exchange: u64, script: &str) -> Input {
    let request = AgentRequest {
        method: Method::Post,
        query: None,
        headers: Vec::new(),
        body: script.to_owned().into_bytes().into(),
    };
    Input::Request { exchange: ExchangeId(exchange), request }
}

fn head(call: u64) -> Input {
    let head = RelayHead { status: 200, headers: Vec::new(), token_changed: false };
    Input::RelayHead { call: CallId(call), head }
}

/// What the host does with a script: exchange 7 is the agent's, 8 the runner's command.
fn run(script: &str) -> Result<Vec<Action>, Fault> {
    let mut machine = machine();
    let command = Input::Command { command: CommandId(8), request: Command::Status };
    let mut actions = machine.step(NOW, vec![command, request(7, script)])?;
    if script.contains("\nthen\n") {
        actions.extend(machine.step(NOW, vec![head(1)])?);
    }
    Ok(actions)
}

fn breach(script: &str) -> String {
    match run(script) {
        Err(fault @ Fault::Breach(_)) => fault.to_string(),
        Err(fault) => panic!("{script}: {fault}"),
        Ok(actions) => panic!("{script}: let through as {actions:?}"),
    }
}

/// The rules are not so strict that nothing passes: each breach below is one line away from one of these.
#[test]
fn what_keeps_the_rules_passes() {
    for script in [
        "answer x 200",
        "answer x 599 x-other: a",
        "answer-head x 200\nanswer-chunk x 0 a\nanswer-end x",
        "answer-head x 200\nabort x",
        "abort x",
        "call 1 x\nthen\nsplice 1 x",
        "call 1 x\nthen\nsplice-with 1 x mcp-session-id: a",
        "call 1 x\nthen\nread 1\nanswer-of x 1\ncancel 1",
        "call 1 x\nthen\ncancel 1\nanswer x 200",
        "call 1 x\ncancel 1",
        "call 1 0\ncall 2 0\nanswer x 200",
        "call-for 1 x\nthen\nsplice 1 x",
        "call-for 1 x\nanswer x 200\ncancel 1",
        "call-query 1 x a=b?c&d=../..%2f\n",
        "call-with 1 x mcp-session-id: a",
        "call-with 1 0 content-type: application/json",
        "persist 1 1 {}\npersist 2 1 {}",
        "reply 8",
        "wake 1001",
    ] {
        assert!(run(script).is_ok(), "{script}: {}", run(script).unwrap_err());
    }
}

#[test]
fn an_action_about_something_unknown_or_over_is_a_breach() {
    for (script, sentence) in [
        ("answer 9 200", "`answer` speaks of exchange 9, which is over or never was"),
        ("answer x 200\nanswer x 200", "`answer` speaks of exchange 7"),
        ("answer-head 9 200", "`answer-head` speaks of exchange 9"),
        ("answer x 200\nanswer-chunk x 0 a", "`answer-chunk` speaks of exchange 7"),
        ("answer x 200\nanswer-end x", "`answer-end` speaks of exchange 7"),
        ("answer x 200\nabort x", "`abort` speaks of exchange 7"),
        ("abort 9", "`abort` speaks of exchange 9"),
        ("call 1 9", "`call` speaks of exchange 9"),
        ("call-for 1 9", "`call` speaks of exchange 9"),
        ("answer x 200\ncall 1 x", "`call` speaks of exchange 7"),
        ("cancel 1", "`cancel` speaks of call 1"),
        ("call 1 x\ncancel 1\ncancel 1", "`cancel` speaks of call 1"),
        ("read 1", "`read` speaks of call 1"),
        ("splice 1 x", "`splice` speaks of call 1"),
        ("answer-of x 1", "`answer` speaks of call 1"),
        ("call 1 x\nthen\nsplice 1 9", "`splice` speaks of exchange 9"),
        ("call 1 x\nthen\nsplice 1 x\ncancel 1", "`cancel` speaks of call 1"),
        ("call 1 x\nthen\nsplice 1 x\nread 1", "`read` speaks of call 1"),
        ("call 1 x\nthen\nsplice 1 x\nanswer x 200", "`answer` speaks of exchange 7"),
        ("reply 9", "`reply` speaks of command 9"),
        ("reply 8\nreply 8", "`reply` speaks of command 8"),
    ] {
        let said = breach(script);
        assert!(said.contains(sentence), "{script}: {said}");
    }
}

#[test]
fn what_was_passed_on_is_over() {
    for (script, sentence) in [
        ("answer 7 200", "`answer` speaks of exchange 7, which is over or never was"),
        ("call-for 2 7", "`call` speaks of exchange 7"),
        ("cancel 1", "`cancel` speaks of call 1"),
    ] {
        let mut machine = machine();
        machine.step(NOW, vec![request(7, "call-for 1 x")]).unwrap();
        let next = vec![Input::Passed { call: CallId(1) }, request(9, script)];
        let said = machine.step(NOW, next).unwrap_err().to_string();
        assert!(said.contains(sentence), "{script}: {said}");
    }
}

#[test]
fn an_answer_has_one_beginning_and_a_call_one_decision() {
    for (script, sentence) in [
        ("answer-chunk x 0 a", "`answer-chunk` goes on with the answer to exchange 7, which has not begun"),
        ("answer-end x", "`answer-end` goes on with the answer to exchange 7"),
        (
            "answer-head x 200\nanswer-head x 200",
            "`answer-head` begins the answer to exchange 7, which has begun",
        ),
        ("answer-head x 200\nanswer x 200", "`answer` begins the answer to exchange 7"),
        ("call 1 x\nthen\nanswer-head x 200\nsplice 1 x", "`splice` begins the answer to exchange 7"),
        ("call 1 x\nread 1", "`read` is about the answer to call 1, for which it is too early or too late"),
        ("call 1 x\nsplice 1 x", "`splice` is about the answer to call 1"),
        ("call 1 x\nthen\nread 1\nread 1", "`read` is about the answer to call 1"),
        ("call 1 x\nthen\nread 1\nsplice 1 x", "`splice` is about the answer to call 1"),
        ("call 1 x\nanswer-of x 1", "`answer` is about the answer to call 1"),
        ("call 1 x\nthen\nanswer x 200", "the answer to call 1 began, and the step says neither"),
    ] {
        let said = breach(script);
        assert!(said.contains(sentence), "{script}: {said}");
    }
}

#[test]
fn names_and_tickets_go_up() {
    for (script, sentence) in [
        ("call 1 x\ncall 1 x", "`call` is named 1, and the names of calls go up"),
        ("call 2 x\ncall 1 x", "`call` is named 1"),
        ("call 1 x\ncancel 1\ncall 1 x", "`call` is named 1"),
        ("persist 1 1 {}\npersist 1 2 {}", "`persist` has ticket 1, and tickets go up"),
        ("persist 2 1 {}\npersist 1 2 {}", "`persist` has ticket 1"),
    ] {
        let said = breach(script);
        assert!(said.contains(sentence), "{script}: {said}");
    }
}

/// It never sees the token nor the secret; here, that it cannot speak in anybody's name or end a message early either.
#[test]
fn the_hosts_headers_are_not_its_to_set() {
    let toward_relay = [
        "authorization",
        "Authorization",
        "HOST",
        "host",
        "cookie",
        "origin",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "expect",
        "proxy-authorization",
    ];
    for name in toward_relay {
        for script in [format!("call-with 1 x {name}: x"), format!("call-with 1 0 {name}: x")] {
            let said = breach(&script);
            assert!(
                said.contains(&format!("a request to the relay has the header `{name}`")),
                "{script}: {said}"
            );
        }
    }
    for name in ["set-cookie", "www-authenticate", "content-length", "Transfer-Encoding", "connection"] {
        for script in [
            format!("answer x 200 {name}: x"),
            format!("answer-head x 200 {name}: x"),
            format!("call 1 x\nthen\nsplice-with 1 x {name}: x"),
            format!("call 1 x\nthen\nread 1\nanswer-of x 1 {name}: x"),
        ] {
            let said = breach(&script);
            assert!(
                said.contains(&format!("an answer to the agent has the header `{name}`")),
                "{script}: {said}"
            );
        }
    }
}

#[test]
fn statuses_and_queries_are_what_http_can_carry() {
    for status in ["0", "100", "101", "103", "199", "600", "999", "65535"] {
        assert!(breach(&format!("answer x {status}")).contains(&format!("status {status}")));
        assert!(breach(&format!("answer-head x {status}")).contains(&format!("status {status}")));
    }
    for query in ["a b", "a#b", "a\\r\\nhost: elsewhere", " HTTP/1.1\\r\\nhost: elsewhere"] {
        assert!(breach(&format!("call-query 1 x {query}")).contains("the query of a `call`"), "{query}");
    }
}

#[test]
fn a_machine_that_is_never_at_rest_is_in_breach() {
    for at in [0, 999, 1000] {
        assert!(breach(&format!("wake {at}")).contains("woken at a time that is over"), "{at}");
    }
}

#[test]
fn numbers_of_actions_and_calls_have_bounds() {
    assert!(run("names 1 2000 call # 0").is_ok());
    assert!(breach("names 1 4200 call # 0").contains("too many calls under way"));
    assert!(breach("times 100000 observe 0 0 x").contains("too many actions in a step"));
}

#[test]
fn the_store_is_not_filled_and_not_spoilt() {
    for value in ["", "{", "no JSON", "{}{}"] {
        assert!(
            breach(&format!("persist 1 1 {value}")).contains("a write record that is no JSON text"),
            "{value:?}"
        );
    }
    let mut machine = machine();
    let mut step = |exchange, script: &str| machine.step(NOW, vec![request(exchange, script)]);
    let config = Config::default();
    let most = 2 * (config.limits.outbox_entries + config.limits.sessions) + 4096;
    let mut written = 0;
    let fault = loop {
        let (from, to) = (written + 1, written + 2000);
        match step(written as u64 + 1, &format!("names {from} {to} persist # # {{}}")) {
            Ok(_) => written = to,
            Err(fault) => break fault.to_string(),
        }
        assert!(written <= most + 2000, "{written} records");
    };
    assert!(fault.contains("brings the records in the store to"), "{fault}");
    assert!(written >= config.limits.outbox_entries, "{written} is less than what is allowed");
}

/// What the store lost is not counted, and what was written is known until it is removed.
#[test]
fn a_store_that_fails_for_a_long_time_is_no_breach() {
    let mut machine = machine();
    for round in 0..40_u64 {
        let (from, to) = (round * 1000 + 1, (round + 1) * 1000);
        machine.step(NOW, vec![request(round + 1, &format!("names {from} {to} persist # # {{}}"))]).unwrap();
        let lost = Input::StoreFailed { through: Ticket(to), reason: "full".into() };
        machine.step(NOW, vec![lost]).unwrap();
    }
}

/// Ends of calls that are told in the same step as other things are races, not breaches.
#[test]
fn races_are_no_breaches() {
    let mut machine = machine();
    machine.step(NOW, vec![request(1, "call 1 x")]).unwrap();
    let failed = || {
        let failure = RelayFailure { sent: Sent::No, reason: "refused".into() };
        Input::RelayFailed { call: CallId(1), failure }
    };
    machine.step(NOW, vec![request(2, "cancel 1"), failed()]).unwrap();
    machine.step(NOW, vec![failed(), head(1), Input::RelayEnd { call: CallId(1) }]).unwrap();
    machine.step(NOW, vec![Input::AgentGone { exchange: ExchangeId(9) }]).unwrap();
    machine.step(NOW, vec![Input::AgentGone { exchange: ExchangeId(2) }, request(3, "abort 2")]).unwrap();
}

/// None of a step's actions is done when one of them is a breach.
#[test]
fn a_step_with_a_breach_has_not_happened() {
    assert!(breach("persist 1 1 {}\ncall 1 x\nanswer x 200\nanswer x 200").contains("exchange 7"));
}

fn trap(limits: Limits, first: &str, script: &str) -> (String, Duration) {
    let sandbox = sandbox(limits);
    let config = Config { bufferable: [first.to_owned()].into(), ..Config::default() };
    let started = Instant::now();
    let fault = sandbox
        .open(&config, [0; 32], NOW, Vec::new())
        .and_then(|mut machine| machine.step(NOW, vec![request(1, script)]).map(|_| ()));
    match fault {
        Err(fault @ Fault::Trap(_)) => (fault.to_string(), started.elapsed()),
        Err(fault) => panic!("{first} {script}: {fault}"),
        Ok(()) => panic!("{first} {script}: let through"),
    }
}

#[test]
fn time_memory_and_stack_without_end_are_not_given() {
    let step = Duration::from_millis(200);
    let limits = Limits { step, memory: 64 << 20, ..Limits::default() };
    for (verb, sentence) in [
        ("loop", "took longer than"),
        ("grow", "memory"),
        ("recurse", "call stack exhausted"),
        ("trap", "unreachable"),
    ] {
        for (first, script) in [(verb, ""), ("", verb)] {
            let (fault, _) = trap(limits, first, script);
            assert!(fault.contains(sentence), "{verb}: {fault}");
        }
    }
    // As long as it may, and no shorter; how much longer depends on what else the machine does.
    let (_, took) = trap(limits, "", "loop");
    assert!(took >= step, "{took:?}");
}

#[test]
fn what_a_step_says_is_not_larger_than_the_memory_that_it_may_have() {
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    let (fault, _) = trap(limits, "", "answer-large x 15000000\nanswer-large x 15000000");
    assert!(fault.contains("memory"), "{fault}");
}

#[test]
fn a_trap_comes_at_any_step_and_the_next_machine_knows_nothing_of_it() {
    for steps in [0, 1, 5] {
        let mut machine = machine();
        machine.step(NOW, vec![request(1, &format!("trap-after {steps}"))]).unwrap();
        for step in 0..steps {
            machine.step(NOW, vec![request(step + 2, "answer x 200")]).unwrap();
        }
        let fault = machine.step(NOW, vec![Input::Tick]).unwrap_err();
        assert!(matches!(fault, Fault::Trap(_)), "{fault}");
        assert!(machine.step(NOW, vec![Input::Tick]).is_err(), "it is gone");
    }
    assert_eq!(run("answer x 200").unwrap().len(), 1);
}

#[test]
fn too_few_instances_or_table_elements_are_a_fault() {
    for limits in
        [Limits { instances: 0, ..Limits::default() }, Limits { table_elements: 0, ..Limits::default() }]
    {
        let fault =
            sandbox(limits).open(&Config::default(), [0; 32], NOW, Vec::new()).map(|_| ()).unwrap_err();
        assert!(matches!(fault, Fault::Trap(_)), "{limits:?}: {fault}");
    }
}

/// The interface of the machine has no word for an address, a directory, a file, a token or a secret: a component cannot ask for
/// another relay or another data directory.
#[test]
fn the_interface_has_no_word_for_what_a_component_must_not_choose() {
    let text = include_str!("../../wit/relay-mcp-proxy.wit");
    // The rules beside it are pure functions, which this host has from the core and asks no component for.
    let (_, text) = text.split_once("\ninterface machine {\n").expect("the machine");
    let (machine, _) = text.split_once("\n}\n").expect("its end");
    let code = machine.lines().map(|line| line.split("//").next().unwrap_or_default());
    let words: Vec<String> = code
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'))
        .map(str::to_lowercase)
        .collect();
    for word in ["query", "config", "limits", "relay-request"] {
        assert!(words.iter().any(|known| known == word), "{word} is looked for in the right place");
    }
    for (word, allowed) in [
        ("address", &[][..]),
        ("url", &[]),
        ("uri", &[]),
        ("host", &[]),
        ("port", &[]),
        ("path", &[]),
        ("directory", &[]),
        ("file", &[]),
        ("secret", &[]),
        // That there is another one, or that it was refused, and nothing of what it is.
        ("token", &["token-changed", "token-refused"]),
    ] {
        let said = words.iter().filter(|known| known.split('-').any(|part| part == word));
        let said: Vec<_> = said.filter(|known| !allowed.contains(&known.as_str())).collect();
        assert!(said.is_empty(), "{said:?}");
    }
}
