//! What goes into the component: from the core's types to the interface's.

use std::time::Duration;

use relay_mcp_core::headers::{
    CONTENT_TYPE, Header, MCP_METHOD, MCP_NAME, PROTOCOL_VERSION, RETRY_AFTER, SESSION_ID,
};
use relay_mcp_core::{
    AgentRequest, Command, Config, Input, MenuRule, Method, Record, RecordKind, RelayFailure, RelayHead, Sent,
};

use crate::wit;

pub(crate) fn config(config: &Config) -> wit::Config {
    let rule = |rule: &MenuRule| wit::MenuRule {
        tools: rule.tools.iter().map(|glob| glob.pattern().into()).collect(),
        needs: rule.needs.clone(),
    };
    wit::Config {
        rules: config.rules.iter().map(rule).collect(),
        context: config.context.iter().map(|(name, value)| flag((name.into(), value))).collect(),
        bufferable: config.bufferable.clone(),
        limits: wit::Limits {
            answer_bytes: config.limits.answer_bytes as u64,
            outbox_entries: config.limits.outbox_entries as u64,
            outbox_bytes: config.limits.outbox_bytes as u64,
            streams: config.limits.streams as u64,
            sessions: config.limits.sessions as u64,
        },
        relay_timeout: millis(config.relay_timeout),
        call_timeout: millis(config.call_timeout),
        keepalive: millis(config.keepalive),
        backoff_first: millis(config.backoff.first),
        backoff_most: millis(config.backoff.most),
        probe_every: millis(config.probe_every),
        paused_retry: millis(config.paused_retry),
    }
}

pub(crate) fn record(record: Record) -> wit::Stored {
    let kind = match record.key.kind {
        RecordKind::Hello => wit::RecordKind::Hello,
        RecordKind::Menu => wit::RecordKind::Menu,
        RecordKind::Session => wit::RecordKind::Session,
        RecordKind::View => wit::RecordKind::View,
        RecordKind::Write => wit::RecordKind::Write,
    };
    wit::Stored { key: wit::RecordKey { kind, id: record.key.id }, value: record.value.into() }
}

pub(crate) fn input(input: Input) -> wit::Input {
    match input {
        Input::Tick => wit::Input::Tick,
        Input::Request { exchange, request } => wit::Input::Request(agent_request(exchange.0, request)),
        Input::AgentGone { exchange } => wit::Input::AgentGone(exchange.0),
        Input::RelayHead { call, head: RelayHead { status, headers, token_changed } } => {
            let headers = headers.into_iter().filter_map(answer_header).collect();
            wit::Input::RelayHead(wit::RelayHead { call: call.0, status, headers, token_changed })
        }
        Input::Passed { call } => wit::Input::Passed(call.0),
        Input::RelayChunk { call, bytes } => {
            wit::Input::RelayChunk(wit::RelayChunk { call: call.0, bytes: bytes.into() })
        }
        Input::RelayEnd { call } => wit::Input::RelayEnd(call.0),
        Input::RelayFailed { call, failure: RelayFailure { sent, reason } } => {
            let sent = match sent {
                Sent::No => wit::Sent::No,
                Sent::Unknown => wit::Sent::Unknown,
            };
            wit::Input::RelayFailed(wit::RelayFailure { call: call.0, sent, reason })
        }
        Input::Durable { through } => wit::Input::Durable(through.0),
        Input::StoreFailed { through, reason } => {
            wit::Input::StoreFailed(wit::StoreFailure { through: through.0, reason })
        }
        Input::Command { command, request } => {
            wit::Input::Command(wit::Command { command: command.0, request: request_of(request) })
        }
    }
}

fn agent_request(exchange: wit::ExchangeId, request: AgentRequest) -> wit::AgentRequest {
    wit::AgentRequest {
        exchange,
        method: match request.method {
            Method::Get => wit::Method::Get,
            Method::Post => wit::Method::Post,
            Method::Delete => wit::Method::Delete,
        },
        query: request.query,
        headers: request.headers.into_iter().map(request_header).collect(),
        body: request.body.into(),
    }
}

fn request_of(request: Command) -> wit::CommandRequest {
    match request {
        Command::SetContext(flags) => wit::CommandRequest::SetContext(flags.into_iter().map(flag).collect()),
        Command::Refresh => wit::CommandRequest::Refresh,
        Command::TokenChanged => wit::CommandRequest::TokenChanged,
        Command::Status => wit::CommandRequest::Status,
        Command::ListOutbox => wit::CommandRequest::ListOutbox,
        Command::ShowWrite(key) => wit::CommandRequest::ShowWrite(key),
        Command::RetryWrite(key) => wit::CommandRequest::RetryWrite(key),
        Command::DiscardWrite(key) => wit::CommandRequest::DiscardWrite(key),
        Command::Drain => wit::CommandRequest::Drain,
    }
}

fn flag((name, value): (String, bool)) -> wit::Flag {
    wit::Flag { name, value }
}

fn request_header(Header { name, value }: Header) -> wit::RequestHeader {
    match &*name {
        SESSION_ID => wit::RequestHeader::McpSessionId(value),
        PROTOCOL_VERSION => wit::RequestHeader::McpProtocolVersion(value),
        MCP_METHOD => wit::RequestHeader::McpMethod(value),
        MCP_NAME => wit::RequestHeader::McpName(value),
        _ => wit::RequestHeader::Other(wit::Header { name: name.into_owned(), value }),
    }
}

/// Nothing for one that does not concern the machine: the interface has no word for it.
fn answer_header(Header { name, value }: Header) -> Option<wit::AnswerHeader> {
    match &*name {
        CONTENT_TYPE => Some(wit::AnswerHeader::ContentType(value)),
        SESSION_ID => Some(wit::AnswerHeader::McpSessionId(value)),
        RETRY_AFTER => Some(wit::AnswerHeader::RetryAfter(value)),
        _ => None,
    }
}

fn millis(time: Duration) -> wit::Milliseconds {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
