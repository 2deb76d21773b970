//! No input panics, in any order, from anybody, with any bytes (B-9.8); and the same inputs give the same
//! actions (B-9.7). Nothing here keeps the host's side of the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use relay_mcp_core::headers::Header;
use relay_mcp_core::{
    Action, AgentRequest, CallId, Command, CommandId, Config, ExchangeId, Input, Method, Proxy, Record,
    RecordKey, RecordKind, RelayFailure, RelayHead, Sent, Ticket, Timestamp,
};

/// Words of the protocol, whole and broken, out of which bodies are made.
const WORDS: [&str; 40] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"relay_reply","arguments":{}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"relay_reply","arguments":{"idempotencyKey":"k"}}}"#,
    r#"{"jsonrpc":"2.0","id":"x","method":"tools/list","params":{"cursor":"c"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2026-07-28"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":[]}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
    r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"relay_workspace_land"},{"name":"relay_reply","outputSchema":{}}],"nextCursor":"c"}}"#,
    r#"{"jsonrpc":"2.0","id":"relay-mcp-proxy-03030303-1","result":{"tools":[{}],"nextCursor":"c"}}"#,
    r#"{"jsonrpc":"2.0","id":"relay-mcp-proxy-03030303-1","result":{"tools":[]}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":[],"capabilities":[]}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"?"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":7}"#,
    "{\"id\":1,\"result\":null}",
    "{}",
    "[]",
    "null",
    "\"\\ud800\"",
    "{\"\\ud800\":1}",
    "data: ",
    "\n\n",
    "\r\n",
    "\r",
    ": comment\n\n",
    "id: 1\ndata: \n\n",
    "{",
    "}",
    "\"",
    ",",
    "é",
    "\u{feff}",
    "\u{0}",
    r#""params":{"name":"relay_reply","arguments":[]}"#,
    r#"{"id":1,"method":"tools/call","params":{"name":"relay_reply","task":{}}}"#,
    r#"{"id":1,"id":2,"method":"tools/call","method":"ping","params":{},"params":{"name":"relay_reply"}}"#,
    " ",
    "1e999",
];

fn bytes() -> impl Strategy<Value = Bytes> {
    let words = prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..4);
    prop_oneof![
        6 => prop::sample::select(WORDS.to_vec()).prop_map(|word| Bytes::from_static(word.as_bytes())),
        3 => words.prop_map(|words| Bytes::from(words.concat())),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
    ]
}

fn headers() -> impl Strategy<Value = Vec<Header>> {
    let header = prop_oneof![
        prop::sample::select(vec!["s1", "s2", "", "relay-mcp-proxy-x"])
            .prop_map(|id| Header::new("mcp-session-id", id)),
        prop::sample::select(vec!["application/json", "text/event-stream", "text", "é"])
            .prop_map(|kind| Header::new("content-type", kind)),
        prop::sample::select(vec!["0", "1", "99999999999999999999", "-1", "soon"])
            .prop_map(|wait| Header::new("retry-after", wait)),
        Just(Header::new("mcp-protocol-version", "2026-07-28")),
    ];
    prop::collection::vec(header, 0..4)
}

fn request() -> impl Strategy<Value = AgentRequest> {
    let method = prop_oneof![1 => Just(Method::Get), 8 => Just(Method::Post), 1 => Just(Method::Delete)];
    (method, prop::option::of(".{0,3}"), headers(), bytes())
        .prop_map(|(method, query, headers, body)| AgentRequest { method, query, headers, body })
}

fn command() -> impl Strategy<Value = Command> {
    let key = || prop::sample::select(vec!["k", "l", ""]).prop_map(String::from);
    prop_oneof![
        any::<bool>().prop_map(|value| Command::SetContext(vec![("isolatedWorktree".into(), value)])),
        Just(Command::Refresh),
        Just(Command::TokenChanged),
        Just(Command::Status),
        Just(Command::ListOutbox),
        key().prop_map(Command::ShowWrite),
        key().prop_map(Command::RetryWrite),
        key().prop_map(Command::DiscardWrite),
        Just(Command::Drain),
    ]
}

/// Mostly small ids, so that they meet; sometimes any.
fn id() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..12u64, 1 => any::<u64>()]
}

fn input() -> impl Strategy<Value = Input> {
    let status = prop_oneof![
        3 => Just(200),
        3 => prop::sample::select(vec![202u16, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503]),
        1 => any::<u16>(),
    ];
    let sent = prop_oneof![Just(Sent::No), Just(Sent::Unknown)];
    prop_oneof![
        1 => Just(Input::Tick),
        6 => (id(), request())
            .prop_map(|(id, request)| Input::Request { exchange: ExchangeId(id), request }),
        1 => id().prop_map(|id| Input::AgentGone { exchange: ExchangeId(id) }),
        5 => (id(), status, headers(), any::<bool>()).prop_map(|(id, status, headers, token_changed)| {
            Input::RelayHead { call: CallId(id), head: RelayHead { status, headers, token_changed } }
        }),
        2 => id().prop_map(|id| Input::Passed { call: CallId(id) }),
        5 => (id(), bytes()).prop_map(|(id, bytes)| Input::RelayChunk { call: CallId(id), bytes }),
        4 => id().prop_map(|id| Input::RelayEnd { call: CallId(id) }),
        2 => (id(), sent).prop_map(|(id, sent)| Input::RelayFailed {
            call: CallId(id),
            failure: RelayFailure { sent, reason: "reset".into() },
        }),
        2 => id().prop_map(|id| Input::Durable { through: Ticket(id) }),
        1 => id().prop_map(|id| Input::StoreFailed { through: Ticket(id), reason: "full".into() }),
        2 => (id(), command())
            .prop_map(|(id, request)| Input::Command { command: CommandId(id), request }),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<(u64, Input)>> {
    let time = prop_oneof![10 => 0..50_000u64, 1 => any::<u64>()];
    prop::collection::vec((time, input()), 1..60)
}

/// Runs inputs through a new machine; gives the actions of each, and what would be in the store.
fn run(inputs: &[(u64, Input)]) -> (Vec<Vec<Action>>, Vec<Record>) {
    let mut config = Config::default();
    (config.limits.answer_bytes, config.limits.outbox_entries, config.limits.sessions) = (500, 3, 3);
    let mut proxy = Proxy::open(config, [3; 32], Timestamp(0), Vec::new()).unwrap();
    let mut store = BTreeMap::new();
    let mut all = Vec::new();
    for (now, input) in inputs {
        let actions = proxy.step(Timestamp(*now), input.clone());
        for change in actions.iter().flat_map(changes) {
            match change {
                relay_mcp_core::Change::Put(record) => store.insert(record.key.clone(), record.value.clone()),
                relay_mcp_core::Change::Remove(key) => store.remove(key),
            };
        }
        all.push(actions);
    }
    let records = store.into_iter().map(|(key, value)| Record { key, value }).collect();
    (all, records)
}

fn changes(action: &Action) -> &[relay_mcp_core::Change] {
    match action {
        Action::Persist { changes, .. } => changes,
        _ => &[],
    }
}

fn record() -> impl Strategy<Value = Record> {
    let kind = prop::sample::select(vec![
        RecordKind::Hello,
        RecordKind::Menu,
        RecordKind::Session,
        RecordKind::View,
        RecordKind::Write,
    ]);
    let id =
        prop::sample::select(vec!["legacy", "modern", "session s1", "1", "x", ""]).prop_map(String::from);
    (kind, id, bytes()).prop_map(|(kind, id, value)| Record { key: RecordKey { kind, id }, value })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b_9_8_no_input_panics_and_b_9_7_the_same_inputs_give_the_same_actions(inputs in inputs()) {
        let (first, store) = run(&inputs);
        prop_assert_eq!(&first, &run(&inputs).0);
        let opened = Proxy::open(Config::default(), [4; 32], Timestamp(0), store);
        prop_assert!(opened.is_ok(), "what was stored is understood: {:?}", opened.err());
    }

    #[test]
    fn b_9_8_no_record_panics(records in prop::collection::vec(record(), 0..5)) {
        let _ = Proxy::open(Config::default(), [4; 32], Timestamp(0), records);
    }

    #[test]
    fn b_5_10_a_damaged_record_is_said_or_changes_nothing_else(
        inputs in inputs(), which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8u8,
    ) {
        let (_, mut store) = run(&inputs);
        if !store.is_empty() {
            let record = which.get_mut(&mut store);
            let mut value = record.value.to_vec();
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            record.value = Bytes::from(value);
        }
        if let Ok(mut proxy) = Proxy::open(Config::default(), [4; 32], Timestamp(0), store) {
            proxy.step(Timestamp(0), Input::Tick);
        }
    }
}
