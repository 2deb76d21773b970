//! A line as an action: two numbers and a text, which is a header `name: value`, a query, a record, or nothing.

use alloc::string::String;
use alloc::vec::Vec;

use crate::wit;

pub(crate) fn action(verb: &str, first: u64, second: u64, text: &str) -> Option<wit::Action> {
    Some(match verb {
        "call" => wit::Action::Call(call(first, second, Vec::new())),
        "call-with" => wit::Action::Call(call(first, second, header(text))),
        "call-query" => {
            let query = Some(text.replace("\\r\\n", "\r\n"));
            wit::Action::Call(wit::RelayRequest { query, ..call(first, second, Vec::new()) })
        }
        "call-for" => {
            wit::Action::Call(wit::RelayRequest { pass_to: Some(second), ..call(first, 0, Vec::new()) })
        }
        "splice" => splice(first, second, Vec::new()),
        "splice-with" => splice(first, second, header(text)),
        "read" => wit::Action::Read(first),
        "cancel" => wit::Action::Cancel(first),
        "answer" => answer(first, second as u16, Some(header(text)), Vec::new()),
        "answer-large" => answer(first, 200, None, alloc::vec![b'x'; second as usize]),
        "answer-of" => {
            let head = wit::Head::OfCall(wit::CallHead { call: second, edits: edits(header(text)) });
            wit::Action::Answer(wit::Answer { exchange: first, head, body: Vec::new() })
        }
        "answer-head" => {
            let head = wit::Head::Own(wit::OwnHead { status: second as u16, headers: header(text) });
            wit::Action::AnswerHead(wit::AnswerBegun { exchange: first, head })
        }
        "answer-chunk" => wit::Action::AnswerChunk(wit::AnswerPiece { exchange: first, bytes: text.into() }),
        "answer-end" => wit::Action::AnswerEnd(first),
        "abort" => wit::Action::Abort(first),
        "persist" => persist(first, second, text),
        "reply" => wit::Action::Reply(wit::Reply { command: first, answer: wit::ReplyAnswer::Done }),
        "observe" => wit::Action::Observe(wit::Observation::RelayDown(text.replace("\\n", "\n"))),
        _ => return None,
    })
}

pub(crate) fn answer(
    exchange: u64,
    status: u16,
    headers: Option<Vec<wit::Header>>,
    body: Vec<u8>,
) -> wit::Action {
    let head = wit::Head::Own(wit::OwnHead { status, headers: headers.unwrap_or_default() });
    wit::Action::Answer(wit::Answer { exchange, head, body })
}

/// With the agent's headers and body; 0 is no exchange.
fn call(call: u64, exchange: u64, set: Vec<wit::Header>) -> wit::RelayRequest {
    let headers = match exchange {
        0 => wit::CallHeaders::Own(set.clone()),
        _ => wit::CallHeaders::OfExchange(exchange),
    };
    let body = if exchange == 0 { wit::CallBody::Empty } else { wit::CallBody::OfExchange(exchange) };
    let edits = if exchange == 0 { Vec::new() } else { edits(set) };
    wit::RelayRequest { call, method: wit::Method::Post, headers, edits, query: None, body, pass_to: None }
}

fn splice(call: u64, exchange: u64, set: Vec<wit::Header>) -> wit::Action {
    wit::Action::Splice(wit::Splice { call, exchange, edits: edits(set) })
}

fn persist(ticket: u64, id: u64, value: &str) -> wit::Action {
    let key = wit::RecordKey { kind: wit::RecordKind::Write, id: alloc::format!("{id}") };
    let put = wit::Change::Put(wit::Stored { key, value: value.into() });
    wit::Action::Persist(wit::Batch { ticket, changes: alloc::vec![put] })
}

fn edits(headers: Vec<wit::Header>) -> Vec<wit::HeaderEdit> {
    headers.into_iter().map(wit::HeaderEdit::Set).collect()
}

fn header(text: &str) -> Vec<wit::Header> {
    let header = text.split_once(": ");
    header
        .map(|(name, value)| wit::Header { name: name.into(), value: value.replace("\\r\\n", "\r\n") })
        .into_iter()
        .collect()
}
