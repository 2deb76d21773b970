//! What comes out of the component: from the interface's types to the core's.

use std::time::Duration;

use relay_mcp_core::headers::{Header, HeaderEdit};
use relay_mcp_core::mcp::Era;
use relay_mcp_core::{
    Action, AnswerHead, CallBody, CallHeaders, CallId, Change, CommandId, ExchangeId, Method, Observation,
    OpenError, OutboxStatus, Record, RecordKey, RecordKind, RelayRequest, RelayState, RelayStatus, Reply,
    Status, Ticket, Timestamp, ToolsStatus, Wakeup, Why, WriteDetail, WriteState, WriteSummary,
};

use crate::wit;

/// A refusal to open. The kind of the record is one of ours or none.
pub(crate) fn open_error(error: wit::OpenError) -> OpenError {
    let kind = RecordKind::from_name(&error.kind).map_or("unknown", RecordKind::name);
    OpenError { kind, id: error.id, why: error.why }
}

pub(crate) fn wakeup(wakeup: wit::Wakeup) -> Wakeup {
    let why = match wakeup.why {
        wit::Why::CallTimeout(call) => Why::CallTimeout(CallId(call)),
        wit::Why::Delivery => Why::Delivery,
        wit::Why::Probe => Why::Probe,
        wit::Why::Restart => Why::Restart,
        wit::Why::Menu => Why::Menu,
        wit::Why::Upstream(stream) => Why::Upstream(ExchangeId(stream)),
        wit::Why::Keepalive => Why::Keepalive,
        wit::Why::StoreRetry => Why::StoreRetry,
    };
    Wakeup { at: Timestamp(wakeup.at), why }
}

pub(crate) fn action(action: wit::Action) -> Action {
    match action {
        wit::Action::Call(request) => relay_request(request),
        wit::Action::Splice(wit::Splice { call, exchange, edits }) => {
            Action::Splice { call: CallId(call), exchange: ExchangeId(exchange), edits: all(edits, edit) }
        }
        wit::Action::Read(call) => Action::Read { call: CallId(call) },
        wit::Action::Cancel(call) => Action::Cancel { call: CallId(call) },
        wit::Action::Answer(wit::Answer { exchange, head, body }) => {
            Action::Answer { exchange: ExchangeId(exchange), head: head_of(head), body: body.into() }
        }
        wit::Action::AnswerHead(wit::AnswerBegun { exchange, head }) => {
            Action::AnswerHead { exchange: ExchangeId(exchange), head: head_of(head) }
        }
        wit::Action::AnswerChunk(wit::AnswerPiece { exchange, bytes }) => {
            Action::AnswerChunk { exchange: ExchangeId(exchange), bytes: bytes.into() }
        }
        wit::Action::AnswerEnd(exchange) => Action::AnswerEnd { exchange: ExchangeId(exchange) },
        wit::Action::Abort(exchange) => Action::Abort { exchange: ExchangeId(exchange) },
        wit::Action::Persist(wit::Batch { ticket, changes }) => {
            Action::Persist { ticket: Ticket(ticket), changes: all(changes, change) }
        }
        wit::Action::Reply(wit::Reply { command, answer }) => {
            Action::Reply { command: CommandId(command), reply: reply(answer) }
        }
        wit::Action::Observe(seen) => Action::Observe(observation(seen)),
    }
}

fn relay_request(request: wit::RelayRequest) -> Action {
    let headers = match request.headers {
        wit::CallHeaders::OfExchange(exchange) => CallHeaders::OfExchange(ExchangeId(exchange)),
        wit::CallHeaders::Own(headers) => CallHeaders::Own(all(headers, header)),
    };
    let body = match request.body {
        wit::CallBody::Empty => CallBody::Empty,
        wit::CallBody::OfExchange(exchange) => CallBody::OfExchange(ExchangeId(exchange)),
        wit::CallBody::Bytes(bytes) => CallBody::Bytes(bytes.into()),
    };
    let method = match request.method {
        wit::Method::Get => Method::Get,
        wit::Method::Post => Method::Post,
        wit::Method::Delete => Method::Delete,
    };
    let (edits, query) = (all(request.edits, edit), request.query);
    Action::Call {
        call: CallId(request.call),
        request: RelayRequest { method, headers, edits, query, body },
        pass_to: request.pass_to.map(ExchangeId),
    }
}

fn head_of(head: wit::Head) -> AnswerHead {
    match head {
        wit::Head::Own(wit::OwnHead { status, headers }) => {
            AnswerHead::Own { status, headers: all(headers, header) }
        }
        wit::Head::OfCall(wit::CallHead { call, edits }) => {
            AnswerHead::OfCall { call: CallId(call), edits: all(edits, edit) }
        }
    }
}

fn change(change: wit::Change) -> Change {
    match change {
        wit::Change::Put(wit::Stored { key: of, value }) => {
            Change::Put(Record { key: key(of), value: value.into() })
        }
        wit::Change::Remove(of) => Change::Remove(key(of)),
    }
}

fn key(key: wit::RecordKey) -> RecordKey {
    let kind = match key.kind {
        wit::RecordKind::Hello => RecordKind::Hello,
        wit::RecordKind::Menu => RecordKind::Menu,
        wit::RecordKind::Session => RecordKind::Session,
        wit::RecordKind::View => RecordKind::View,
        wit::RecordKind::Write => RecordKind::Write,
    };
    RecordKey { kind, id: key.id }
}

fn reply(answer: wit::ReplyAnswer) -> Reply {
    match answer {
        wit::ReplyAnswer::Done => Reply::Done,
        wit::ReplyAnswer::Status(known) => Reply::Status(status(known)),
        wit::ReplyAnswer::Outbox(writes) => Reply::Outbox(all(writes, summary)),
        wit::ReplyAnswer::Write(write) => Reply::Write(WriteDetail {
            summary: summary(write.summary),
            params: write.params,
            relay_answer: write.relay_answer,
        }),
        wit::ReplyAnswer::UnknownWrite => Reply::UnknownWrite,
        wit::ReplyAnswer::Refused(why) => Reply::Refused(why),
    }
}

fn status(status: wit::Status) -> Status {
    Status {
        relay: RelayStatus {
            state: match status.relay {
                wit::RelayState::Up => RelayState::Up,
                wit::RelayState::Down => RelayState::Down,
                wit::RelayState::Unknown => RelayState::Unknown,
            },
            since_ms: status.relay_since,
            era: status.relay_era.map(|era| match era {
                wit::Era::Legacy => Era::Legacy,
                wit::Era::Modern => Era::Modern,
            }),
        },
        outbox: OutboxStatus {
            depth: count(status.outbox.depth),
            bytes: count(status.outbox.bytes),
            oldest_age_ms: status.outbox.oldest_age,
            dead_letters: count(status.outbox.dead_letters),
            paused: status.outbox.paused,
        },
        streams: count(status.streams),
        sessions: count(status.sessions),
        context: status.context.into_iter().map(|flag| (flag.name, flag.value)).collect(),
        tools: ToolsStatus { visible: status.visible, hidden: status.hidden },
    }
}

fn summary(write: wit::WriteSummary) -> WriteSummary {
    WriteSummary {
        key: write.key,
        tool: write.tool,
        state: match write.state {
            wit::WriteState::Queued => WriteState::Queued,
            wit::WriteState::Dead => WriteState::Dead,
        },
        attempts: write.attempts,
        enqueued_at: write.enqueued_at,
        last_error: write.last_error,
    }
}

fn observation(seen: wit::Observation) -> Observation {
    use wit::Observation as Seen;
    match seen {
        Seen::RelayUp(after) => Observation::RelayUp { after: Duration::from_millis(after) },
        Seen::RelayDown(reason) => Observation::RelayDown { reason },
        Seen::TokenRefused => Observation::TokenRefused,
        Seen::HelloFromMemory => Observation::HelloFromMemory,
        Seen::MenuFromMemory => Observation::MenuFromMemory,
        Seen::MenuChanged(streams) => Observation::MenuChanged { streams: count(streams) },
        Seen::RefreshFailed(reason) => Observation::RefreshFailed { reason },
        Seen::WriteQueued(wit::WriteOfTool { key, tool }) => Observation::WriteQueued { key, tool },
        Seen::WriteRefused(wit::ToolRefused { tool, reason }) => Observation::WriteRefused { tool, reason },
        Seen::WriteDeduplicated(key) => Observation::WriteDeduplicated { key },
        Seen::WriteDelivered(wit::WriteDelivered { key, attempts, age }) => {
            Observation::WriteDelivered { key, attempts, age: Duration::from_millis(age) }
        }
        Seen::WriteRetried(wit::WriteRetried { key, reason, wait }) => {
            Observation::WriteRetried { key, reason, wait: Duration::from_millis(wait) }
        }
        Seen::WriteDead(wit::WriteDead { key, reason }) => Observation::WriteDead { key, reason },
        Seen::OutboxPaused => Observation::OutboxPaused,
        Seen::OutboxResumed => Observation::OutboxResumed,
        Seen::SessionReopened => Observation::SessionReopened,
        Seen::SessionFailed(reason) => Observation::SessionFailed { reason },
        Seen::StoreFailed(reason) => Observation::StoreFailed { reason },
    }
}

fn edit(edit: wit::HeaderEdit) -> HeaderEdit {
    match edit {
        wit::HeaderEdit::Set(set) => HeaderEdit::Set(header(set)),
        wit::HeaderEdit::Remove(name) => HeaderEdit::Remove(name.into()),
    }
}

fn header(header: wit::Header) -> Header {
    Header { name: header.name.into(), value: header.value }
}

fn all<T, U>(items: Vec<T>, each: impl Fn(T) -> U) -> Vec<U> {
    items.into_iter().map(each).collect()
}

/// A number that the component counted; it has less memory than we can count.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
