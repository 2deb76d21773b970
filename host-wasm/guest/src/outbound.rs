//! What goes out: from the core's types to the interface's.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use relay_mcp_core::headers::{Header, HeaderEdit};
use relay_mcp_core::mcp::Era;
use relay_mcp_core::{
    Action, AnswerHead, CallBody, CallHeaders, CallId, Change, ExchangeId, Method, Observation, RecordKey,
    RecordKind, RelayRequest, RelayState, Reply, Status, Wakeup, Why, WriteState, WriteSummary,
};

use crate::wit;

pub(crate) fn wakeup(wakeup: Wakeup) -> wit::Wakeup {
    let why = match wakeup.why {
        Why::CallTimeout(call) => wit::Why::CallTimeout(call.0),
        Why::Delivery => wit::Why::Delivery,
        Why::Probe => wit::Why::Probe,
        Why::Restart => wit::Why::Restart,
        Why::Menu => wit::Why::Menu,
        Why::Upstream(stream) => wit::Why::Upstream(stream.0),
        Why::Keepalive => wit::Why::Keepalive,
        Why::StoreRetry => wit::Why::StoreRetry,
    };
    wit::Wakeup { at: wakeup.at.0, why }
}

pub(crate) fn action(action: Action) -> wit::Action {
    match action {
        Action::Call { call, request, pass_to } => wit::Action::Call(relay_request(call, request, pass_to)),
        Action::Splice { call, exchange, edits } => {
            wit::Action::Splice(wit::Splice { call: call.0, exchange: exchange.0, edits: all(edits, edit) })
        }
        Action::Read { call } => wit::Action::Read(call.0),
        Action::Cancel { call } => wit::Action::Cancel(call.0),
        Action::Answer { exchange, head, body } => {
            wit::Action::Answer(wit::Answer { exchange: exchange.0, head: head_of(head), body: owned(body) })
        }
        Action::AnswerHead { exchange, head } => {
            wit::Action::AnswerHead(wit::AnswerBegun { exchange: exchange.0, head: head_of(head) })
        }
        Action::AnswerChunk { exchange, bytes } => {
            wit::Action::AnswerChunk(wit::AnswerPiece { exchange: exchange.0, bytes: owned(bytes) })
        }
        Action::AnswerEnd { exchange } => wit::Action::AnswerEnd(exchange.0),
        Action::Abort { exchange } => wit::Action::Abort(exchange.0),
        Action::Persist { ticket, changes } => {
            wit::Action::Persist(wit::Batch { ticket: ticket.0, changes: all(changes, change) })
        }
        Action::Reply { command, reply } => {
            wit::Action::Reply(wit::Reply { command: command.0, answer: answer(reply) })
        }
        Action::Observe(seen) => wit::Action::Observe(observation(seen)),
    }
}

fn relay_request(call: CallId, request: RelayRequest, pass_to: Option<ExchangeId>) -> wit::RelayRequest {
    wit::RelayRequest {
        call: call.0,
        method: method(request.method),
        headers: match request.headers {
            CallHeaders::OfExchange(exchange) => wit::CallHeaders::OfExchange(exchange.0),
            CallHeaders::Own(headers) => wit::CallHeaders::Own(all(headers, header)),
        },
        edits: all(request.edits, edit),
        query: request.query,
        body: match request.body {
            CallBody::Empty => wit::CallBody::Empty,
            CallBody::OfExchange(exchange) => wit::CallBody::OfExchange(exchange.0),
            CallBody::Bytes(bytes) => wit::CallBody::Bytes(owned(bytes)),
        },
        pass_to: pass_to.map(|exchange| exchange.0),
    }
}

fn head_of(head: AnswerHead) -> wit::Head {
    match head {
        AnswerHead::Own { status, headers } => {
            wit::Head::Own(wit::OwnHead { status, headers: all(headers, header) })
        }
        AnswerHead::OfCall { call, edits } => {
            wit::Head::OfCall(wit::CallHead { call: call.0, edits: all(edits, edit) })
        }
    }
}

fn change(change: Change) -> wit::Change {
    match change {
        Change::Put(record) => {
            wit::Change::Put(wit::Stored { key: key(record.key), value: owned(record.value) })
        }
        Change::Remove(removed) => wit::Change::Remove(key(removed)),
    }
}

fn key(key: RecordKey) -> wit::RecordKey {
    let kind = match key.kind {
        RecordKind::Hello => wit::RecordKind::Hello,
        RecordKind::Menu => wit::RecordKind::Menu,
        RecordKind::Session => wit::RecordKind::Session,
        RecordKind::View => wit::RecordKind::View,
        RecordKind::Write => wit::RecordKind::Write,
    };
    wit::RecordKey { kind, id: key.id }
}

fn answer(reply: Reply) -> wit::ReplyAnswer {
    match reply {
        Reply::Done => wit::ReplyAnswer::Done,
        Reply::Status(known) => wit::ReplyAnswer::Status(status(known)),
        Reply::Outbox(writes) => wit::ReplyAnswer::Outbox(all(writes, summary)),
        Reply::Write(write) => wit::ReplyAnswer::Write(wit::WriteDetail {
            summary: summary(write.summary),
            params: write.params,
            relay_answer: write.relay_answer,
        }),
        Reply::UnknownWrite => wit::ReplyAnswer::UnknownWrite,
        Reply::Refused(why) => wit::ReplyAnswer::Refused(why),
    }
}

fn status(status: Status) -> wit::Status {
    wit::Status {
        relay: match status.relay.state {
            RelayState::Up => wit::RelayState::Up,
            RelayState::Down => wit::RelayState::Down,
            RelayState::Unknown => wit::RelayState::Unknown,
        },
        relay_since: status.relay.since_ms,
        relay_era: status.relay.era.map(|era| match era {
            Era::Legacy => wit::Era::Legacy,
            Era::Modern => wit::Era::Modern,
        }),
        outbox: wit::OutboxStatus {
            depth: status.outbox.depth as u64,
            bytes: status.outbox.bytes as u64,
            oldest_age: status.outbox.oldest_age_ms,
            dead_letters: status.outbox.dead_letters as u64,
            paused: status.outbox.paused,
        },
        streams: status.streams as u64,
        sessions: status.sessions as u64,
        context: status.context.into_iter().map(|(name, value)| wit::Flag { name, value }).collect(),
        visible: status.tools.visible,
        hidden: status.tools.hidden,
    }
}

fn summary(write: WriteSummary) -> wit::WriteSummary {
    wit::WriteSummary {
        key: write.key,
        tool: write.tool,
        state: match write.state {
            WriteState::Queued => wit::WriteState::Queued,
            WriteState::Dead => wit::WriteState::Dead,
        },
        attempts: write.attempts,
        enqueued_at: write.enqueued_at,
        last_error: write.last_error,
    }
}

fn observation(seen: Observation) -> wit::Observation {
    use wit::Observation as Seen;
    match seen {
        Observation::RelayUp { after } => Seen::RelayUp(millis(after)),
        Observation::RelayDown { reason } => Seen::RelayDown(reason),
        Observation::TokenRefused => Seen::TokenRefused,
        Observation::HelloFromMemory => Seen::HelloFromMemory,
        Observation::MenuFromMemory => Seen::MenuFromMemory,
        Observation::MenuChanged { streams } => Seen::MenuChanged(streams as u64),
        Observation::RefreshFailed { reason } => Seen::RefreshFailed(reason),
        Observation::WriteQueued { key, tool } => Seen::WriteQueued(wit::WriteOfTool { key, tool }),
        Observation::WriteRefused { tool, reason } => Seen::WriteRefused(wit::ToolRefused { tool, reason }),
        Observation::WriteDeduplicated { key } => Seen::WriteDeduplicated(key),
        Observation::WriteDelivered { key, attempts, age } => {
            Seen::WriteDelivered(wit::WriteDelivered { key, attempts, age: millis(age) })
        }
        Observation::WriteRetried { key, reason, wait } => {
            Seen::WriteRetried(wit::WriteRetried { key, reason, wait: millis(wait) })
        }
        Observation::WriteDead { key, reason } => Seen::WriteDead(wit::WriteDead { key, reason }),
        Observation::OutboxPaused => Seen::OutboxPaused,
        Observation::OutboxResumed => Seen::OutboxResumed,
        Observation::SessionReopened => Seen::SessionReopened,
        Observation::SessionFailed { reason } => Seen::SessionFailed(reason),
        Observation::StoreFailed { reason } => Seen::StoreFailed(reason),
    }
}

fn edit(edit: HeaderEdit) -> wit::HeaderEdit {
    match edit {
        HeaderEdit::Set(set) => wit::HeaderEdit::Set(header(set)),
        HeaderEdit::Remove(name) => wit::HeaderEdit::Remove(name.into_owned()),
    }
}

pub(crate) fn method(method: Method) -> wit::Method {
    match method {
        Method::Get => wit::Method::Get,
        Method::Post => wit::Method::Post,
        Method::Delete => wit::Method::Delete,
    }
}

pub(crate) fn header(header: Header) -> wit::Header {
    wit::Header { name: header.name.into_owned(), value: header.value }
}

pub(crate) fn all<T, U>(items: Vec<T>, each: impl Fn(T) -> U) -> Vec<U> {
    items.into_iter().map(each).collect()
}

fn owned(bytes: Bytes) -> Vec<u8> {
    bytes.into()
}

pub(crate) fn millis(time: Duration) -> wit::Milliseconds {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
