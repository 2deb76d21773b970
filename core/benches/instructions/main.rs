//! What `tests/bench/instructions` counts: `instructions CASE TIMES` does one thing so many times, and without arguments
//! it names the cases. Twice as many times less once is what it takes by itself.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool: it names its cases, and fails where it cannot count"
)]

#[path = "../machine/parts/mod.rs"]
mod parts;

use std::hint::black_box;

use bytes::Bytes;
use parts::list::{answer, list, list_result, narrow};
use parts::pass::pass;
use parts::write::{fail, receive};
use parts::{NOW, post, proxy, tools_call};
use relay_mcp_core::jsonrpc::Parsed;
use relay_mcp_core::mcp::sse::Decoder;
use relay_mcp_core::menu::Rules;
use relay_mcp_core::{Config, Context};

/// Does its thing so many times.
type Case = fn(u64);

const CASES: [(&str, Case); 10] = [
    ("envelope-400-B", |times| envelope(times, 400)),
    ("envelope-100-KB", |times| envelope(times, 100_000)),
    ("pass-400-B", |times| passes(times, 400)),
    ("pass-100-KB", |times| passes(times, 100_000)),
    ("narrow-30-tools", |times| narrows(times, 30)),
    ("tools-list-30", |times| lists(times, 30)),
    ("tools-list-1000", |times| lists(times, 1_000)),
    ("tools-list-30-changed", |times| changed_lists(times, 30)),
    ("events-20", events),
    ("write-queued-400-B", writes),
];

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(wanted) = arguments.next() else {
        return CASES.iter().for_each(|(name, _)| println!("{name}"));
    };
    let times = arguments.next().and_then(|times| times.parse().ok()).expect("instructions CASE TIMES");
    let case = CASES.iter().find(|(name, _)| *name == wanted).expect("one of the cases");
    case.1(times);
}

fn envelope(times: u64, bytes: usize) {
    let body = tools_call("relay_list_agents", bytes);
    for _ in 0..times {
        black_box(Parsed::parse(&body).expect("a message"));
    }
}

fn passes(times: u64, bytes: usize) {
    let body = tools_call("relay_list_agents", bytes);
    let mut proxy = proxy();
    for exchange in 1..=times {
        black_box(pass(&mut proxy, post(exchange, &body)));
    }
}

fn narrows(times: u64, tools: usize) {
    let (result, config) = (Bytes::from(list_result(tools)), Config::default());
    let context = Context::from([("isolatedWorktree".into(), false)]);
    for _ in 0..times {
        black_box(narrow(&result, &Rules::new(&config, &context)));
    }
}

/// A relay that says the same each time.
fn lists(times: u64, tools: usize) {
    let answer = answer(&list_result(tools));
    let mut proxy = proxy();
    for exchange in 1..=times {
        black_box(list(&mut proxy, exchange, &answer));
    }
}

/// A relay that says something else each time.
fn changed_lists(times: u64, tools: usize) {
    let result = list_result(tools);
    let answers = ["Sends", "Takes"].map(|word| answer(&result.replacen("Sends", word, 1)));
    let mut proxy = proxy();
    for (exchange, answer) in (1..=times).zip(answers.iter().cycle()) {
        black_box(list(&mut proxy, exchange, answer));
    }
}

fn events(times: u64) {
    let stream = "id: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n".repeat(20);
    for _ in 0..times {
        let mut decoder = Decoder::default();
        let events: usize = stream.as_bytes().chunks(1_400).map(|piece| decoder.feed(piece).len()).sum();
        assert_eq!(events, 20);
    }
}

/// Behind a backlog of one, which is copied each time.
fn writes(times: u64) {
    let body = tools_call("relay_send_message", 400);
    let mut backlog = proxy();
    fail(&mut backlog, &body);
    for _ in 0..times {
        let mut proxy = backlog.clone();
        let actions = proxy.step(NOW, post(2, &body));
        black_box(receive(&mut proxy, &actions));
    }
}
