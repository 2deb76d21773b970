//! What comes in: from the interface's types to the core's.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use relay_mcp_core::headers::{
    CONTENT_TYPE, Header, MCP_METHOD, MCP_NAME, PROTOCOL_VERSION, RETRY_AFTER, SESSION_ID,
};
use relay_mcp_core::{
    AgentRequest, Backoff, CallId, Command, CommandId, Config, ExchangeId, Glob, Input, Limits, MenuRule,
    Method, Record, RecordKey, RecordKind, RelayFailure, RelayHead, Sent, Ticket,
};

use crate::wit;

pub(crate) fn config(config: wit::Config) -> Config {
    let rule = |rule: wit::MenuRule| MenuRule {
        tools: rule.tools.into_iter().map(Glob::new).collect(),
        needs: rule.needs,
    };
    Config {
        rules: config.rules.into_iter().map(rule).collect(),
        context: flags(config.context).into_iter().collect(),
        bufferable: config.bufferable,
        limits: Limits {
            answer_bytes: count(config.limits.answer_bytes),
            outbox_entries: count(config.limits.outbox_entries),
            outbox_bytes: count(config.limits.outbox_bytes),
            streams: count(config.limits.streams),
            sessions: count(config.limits.sessions),
        },
        relay_timeout: Duration::from_millis(config.relay_timeout),
        call_timeout: Duration::from_millis(config.call_timeout),
        keepalive: Duration::from_millis(config.keepalive),
        backoff: Backoff {
            first: Duration::from_millis(config.backoff_first),
            most: Duration::from_millis(config.backoff_most),
        },
        probe_every: Duration::from_millis(config.probe_every),
        paused_retry: Duration::from_millis(config.paused_retry),
    }
}

/// A bound that is larger than this machine can count to is none.
fn count(bound: u64) -> usize {
    usize::try_from(bound).unwrap_or(usize::MAX)
}

pub(crate) fn record(stored: wit::Stored) -> Record {
    Record { key: key(stored.key), value: stored.value.into() }
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

pub(crate) fn input(input: wit::Input) -> Input {
    match input {
        wit::Input::Tick => Input::Tick,
        wit::Input::Request(wit::AgentRequest { exchange, method, query, headers, body }) => Input::Request {
            exchange: ExchangeId(exchange),
            request: AgentRequest {
                method: self::method(method),
                query,
                headers: headers.into_iter().map(request_header).collect(),
                body: body.into(),
            },
        },
        wit::Input::AgentGone(exchange) => Input::AgentGone { exchange: ExchangeId(exchange) },
        wit::Input::Passed(call) => Input::Passed { call: CallId(call) },
        wit::Input::RelayHead(wit::RelayHead { call, status, headers, token_changed }) => Input::RelayHead {
            call: CallId(call),
            head: RelayHead {
                status,
                headers: headers.into_iter().map(answer_header).collect(),
                token_changed,
            },
        },
        wit::Input::RelayChunk(wit::RelayChunk { call, bytes }) => {
            Input::RelayChunk { call: CallId(call), bytes: bytes.into() }
        }
        wit::Input::RelayEnd(call) => Input::RelayEnd { call: CallId(call) },
        wit::Input::RelayFailed(wit::RelayFailure { call, sent, reason }) => {
            let failure = RelayFailure { sent: self::sent(sent), reason };
            Input::RelayFailed { call: CallId(call), failure }
        }
        wit::Input::Durable(through) => Input::Durable { through: Ticket(through) },
        wit::Input::StoreFailed(wit::StoreFailure { through, reason }) => {
            Input::StoreFailed { through: Ticket(through), reason }
        }
        wit::Input::Command(wit::Command { command, request }) => {
            Input::Command { command: CommandId(command), request: request_of(request) }
        }
    }
}

pub(crate) fn method(method: wit::Method) -> Method {
    match method {
        wit::Method::Get => Method::Get,
        wit::Method::Post => Method::Post,
        wit::Method::Delete => Method::Delete,
    }
}

pub(crate) fn sent(sent: wit::Sent) -> Sent {
    match sent {
        wit::Sent::No => Sent::No,
        wit::Sent::Unknown => Sent::Unknown,
    }
}

fn request_of(request: wit::CommandRequest) -> Command {
    match request {
        wit::CommandRequest::SetContext(given) => Command::SetContext(flags(given)),
        wit::CommandRequest::Refresh => Command::Refresh,
        wit::CommandRequest::TokenChanged => Command::TokenChanged,
        wit::CommandRequest::Status => Command::Status,
        wit::CommandRequest::ListOutbox => Command::ListOutbox,
        wit::CommandRequest::ShowWrite(key) => Command::ShowWrite(key),
        wit::CommandRequest::RetryWrite(key) => Command::RetryWrite(key),
        wit::CommandRequest::DiscardWrite(key) => Command::DiscardWrite(key),
        wit::CommandRequest::Drain => Command::Drain,
    }
}

fn flags(flags: Vec<wit::Flag>) -> Vec<(String, bool)> {
    flags.into_iter().map(|flag| (flag.name, flag.value)).collect()
}

fn request_header(header: wit::RequestHeader) -> Header {
    match header {
        wit::RequestHeader::McpSessionId(value) => Header::new(SESSION_ID, value),
        wit::RequestHeader::McpProtocolVersion(value) => Header::new(PROTOCOL_VERSION, value),
        wit::RequestHeader::McpMethod(value) => Header::new(MCP_METHOD, value),
        wit::RequestHeader::McpName(value) => Header::new(MCP_NAME, value),
        wit::RequestHeader::Other(wit::Header { name, value }) => Header::new(name, value),
    }
}

fn answer_header(header: wit::AnswerHeader) -> Header {
    match header {
        wit::AnswerHeader::ContentType(value) => Header::new(CONTENT_TYPE, value),
        wit::AnswerHeader::McpSessionId(value) => Header::new(SESSION_ID, value),
        wit::AnswerHeader::RetryAfter(value) => Header::new(RETRY_AFTER, value),
    }
}
