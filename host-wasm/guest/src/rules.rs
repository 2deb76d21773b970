//! The rules that a host asks beside the machine.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use relay_mcp_core::door::{self, Refusal};
use relay_mcp_core::headers::{self, Header};
use relay_mcp_core::{AnswerHead, Config, MenuRule, failure};

use crate::bindings::exports::relay::mcp_proxy::rules as wit;
use crate::{Component, inbound, outbound, wit as machine};

impl wit::Guest for Component {
    fn defaults() -> machine::Config {
        config(relay_mcp_core::Config::default())
    }

    fn admit(door: wit::Door, knock: wit::Knock) -> Result<machine::Method, wit::Refusal> {
        let door = door::Door {
            allowed_hosts: door.allowed_hosts,
            allowed_origins: door.allowed_origins,
            body_limit: usize::try_from(door.body_limit).unwrap_or(usize::MAX),
        };
        let knock = door::Knock {
            method: &knock.method,
            path: &knock.path,
            host: bytes(&knock.host),
            origin: bytes(&knock.origin),
            has_secret: knock.has_secret,
            content_encoding: bytes(&knock.content_encoding),
            content_length: knock.content_length,
        };
        door.admit(&knock).map(outbound::method).map_err(refusal)
    }

    fn refuse(trouble: wit::Trouble) -> wit::Refusal {
        refusal(match trouble {
            wit::Trouble::BodyTooLarge(limit) => {
                Refusal::BodyTooLarge { limit: usize::try_from(limit).unwrap_or(usize::MAX) }
            }
            wit::Trouble::BodyTooSlow => Refusal::BodyTooSlow,
            wit::Trouble::TooManyRequests => Refusal::TooManyRequests,
            wit::Trouble::ShuttingDown => Refusal::ShuttingDown,
        })
    }

    fn failed(method: machine::Method, body: Vec<u8>, sent: machine::Sent) -> wit::Refusal {
        let (head, body) = failure::answer(inbound::method(method), &body, inbound::sent(sent));
        let (status, headers) = match head {
            AnswerHead::Own { status, headers } => (status, headers),
            // There is no call to take one from.
            AnswerHead::OfCall { .. } => (500, Vec::new()),
        };
        answer(status, headers, body)
    }

    fn crossing(name: String) -> wit::Ways {
        let way = |goes: bool, way: wit::Ways| if goes { way } else { wit::Ways::empty() };
        way(headers::concerning_request(&name).is_some(), wit::Ways::REQUEST_TO_MACHINE)
            | way(headers::concerning_answer(&name).is_some(), wit::Ways::ANSWER_TO_MACHINE)
            | way(headers::crosses_to_relay(&name), wit::Ways::TO_RELAY)
            | way(headers::crosses_to_agent(&name), wit::Ways::TO_AGENT)
    }
}

fn config(config: Config) -> machine::Config {
    let rule = |rule: MenuRule| machine::MenuRule {
        tools: rule.tools.iter().map(|tool| tool.pattern().into()).collect(),
        needs: rule.needs,
    };
    machine::Config {
        rules: outbound::all(config.rules, rule),
        context: config.context.into_iter().map(|(name, value)| machine::Flag { name, value }).collect(),
        bufferable: config.bufferable.into_iter().collect(),
        limits: machine::Limits {
            answer_bytes: config.limits.answer_bytes as u64,
            outbox_entries: config.limits.outbox_entries as u64,
            outbox_bytes: config.limits.outbox_bytes as u64,
            streams: config.limits.streams as u64,
            sessions: config.limits.sessions as u64,
        },
        relay_timeout: outbound::millis(config.relay_timeout),
        call_timeout: outbound::millis(config.call_timeout),
        keepalive: outbound::millis(config.keepalive),
        backoff_first: outbound::millis(config.backoff.first),
        backoff_most: outbound::millis(config.backoff.most),
        probe_every: outbound::millis(config.probe_every),
        paused_retry: outbound::millis(config.paused_retry),
    }
}

fn bytes(text: &Option<String>) -> Option<&[u8]> {
    text.as_deref().map(str::as_bytes)
}

fn refusal(refusal: Refusal) -> wit::Refusal {
    answer(refusal.status(), refusal.headers(), refusal.body())
}

fn answer(status: u16, headers: Vec<Header>, body: Bytes) -> wit::Refusal {
    wit::Refusal { status, headers: outbound::all(headers, outbound::header), body: body.into() }
}
