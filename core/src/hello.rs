//! Hello (B-3): `initialize` and `server/discover`, forwarded, and answered from memory while the relay is away.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::call::{Answered, Errand, Facts, Purpose};
use crate::headers::{Header, HeaderEdit, SESSION_ID};
use crate::ids::{CallId, ExchangeId};
use crate::jsonrpc::{self, Object, Parsed, Response, code, elements, quoted, set_member, string};
use crate::mcp::{Era, LATEST_LEGACY, META_CLIENT_CAPABILITIES, META_VERSION, MODERN};
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::record::{Change, Record, RecordKey, RecordKind};

/// The seed's hello, for a relay of which nothing is known (B-3.2).
const MINIMAL_LEGACY: &str = concat!(
    r#"{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true}},"#,
    r#""serverInfo":{"name":"agent-relay","title":"Agent Relay (via runner)","version":"proxy"}}"#
);

/// The same for a relay of which only the era is known.
const MINIMAL_MODERN: &str = concat!(
    r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"#,
    r#""capabilities":{"tools":{"listChanged":true}},"#,
    r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"agent-relay","title":"Agent Relay (via runner)","version":"proxy"}},"#,
    r#""ttlMs":0,"cacheScope":"private"}"#
);

/// The errors by which a server shows that it is modern: HeaderMismatch, MissingRequiredClientCapability,
/// UnsupportedProtocolVersion (MCP 2026-07-28, Streamable HTTP, Backward Compatibility).
const MODERN_ERRORS: [i64; 3] = [-32020, -32021, -32022];

/// Whether a `server/discover` is one that a client asks the era with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    WellFormed,
    /// Without what the modern era requires in `_meta`. A rejection says nothing of the relay's era then, and
    /// nobody falls back from it: it is passed on (B-3.3).
    Malformed,
}

impl Probe {
    fn of_params(params: Option<&Object<'_>>) -> Self {
        let meta = params.and_then(|params| params.object("_meta"));
        let is_whole = meta.is_some_and(|meta| {
            meta.string(META_VERSION).is_some() && meta.object(META_CLIENT_CAPABILITIES).is_some()
        });
        if is_whole { Self::WellFormed } else { Self::Malformed }
    }
}

/// The relay's last hello of each era: results, as it sent them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hellos {
    legacy: Option<String>,
    modern: Option<String>,
}

impl Hellos {
    pub(crate) fn remember(&mut self, era: Era, result: Option<String>) {
        match era {
            Era::Legacy => self.legacy = result,
            Era::Modern => self.modern = result,
        }
    }

    fn of(&self, era: Era) -> Option<&str> {
        match era {
            Era::Legacy => self.legacy.as_deref(),
            Era::Modern => self.modern.as_deref(),
        }
    }
}

impl Proxy {
    /// Forwards `initialize`. What the agent says of itself is kept, since its session may have to be opened
    /// again (B-3.4, B-6.1).
    pub(crate) fn greet(&mut self, exchange: ExchangeId, parsed: &Parsed<'_>) {
        let params = parsed.envelope.get("params").unwrap_or("{}").to_owned();
        self.sessions.expect(exchange, params);
        let query = self.exchanges.get(&exchange).and_then(|known| known.query.clone());
        self.send(Errand::of_exchange(Purpose::Greet(exchange), exchange, query));
    }

    pub(crate) fn on_greeted(
        &mut self,
        exchange: ExchangeId,
        call: CallId,
        mut facts: Facts,
        answered: Answered,
    ) {
        let (body, result) = match &answered {
            Answered::Whole(body) => (body, result_of(body)),
            Answered::TooLarge => {
                self.sessions.forget_expected(exchange);
                return self.respond_too_large(exchange);
            }
        };
        let Some(result) = result else {
            self.sessions.forget_expected(exchange);
            return self.respond_as(exchange, call, facts, body.clone());
        };
        self.relay.speaks(Era::Legacy);
        self.remember_hello(Era::Legacy, result.clone());
        let session = self.begin_session(exchange, facts.session.take());
        facts.edits.push(HeaderEdit::Set(Header::new(SESSION_ID, session)));
        let greeting = as_initialize_result(&result, None);
        let body = with_result(body, &greeting);
        self.respond_as(exchange, call, facts, body);
    }

    /// `initialize` while the relay is away: the session gets a name of ours and is opened later (B-3.2).
    pub(crate) fn greet_from_memory(&mut self, exchange: ExchangeId) {
        self.observe(Observation::HelloFromMemory);
        let result = self.hellos.of(Era::Legacy).unwrap_or(MINIMAL_LEGACY).to_owned();
        let asked = self.sessions.expected_version(exchange);
        let greeting = as_initialize_result(&result, asked.as_deref());
        let session = self.begin_session_unopened(exchange);
        let Some(id) = self.id_of(exchange) else { return self.answer_empty(exchange, 202) };
        let headers =
            alloc::vec![Header::new("content-type", "application/json"), Header::new(SESSION_ID, session)];
        let head = crate::action::AnswerHead::Own { status: 200, headers };
        self.answer(exchange, head, jsonrpc::result_response(&id, &greeting));
    }

    /// Forwards `server/discover`.
    pub(crate) fn discover(&mut self, exchange: ExchangeId, params: Option<&Object<'_>>) {
        self.forward(exchange, Purpose::Discover(exchange, Probe::of_params(params)));
    }

    pub(crate) fn on_discovered(
        &mut self,
        exchange: ExchangeId,
        probe: Probe,
        call: CallId,
        facts: Facts,
        answered: Answered,
    ) {
        let Answered::Whole(body) = &answered else {
            return self.answer_not_modern(exchange);
        };
        if let Some(result) = result_of(body).filter(|result| is_discovery(result)) {
            self.relay.speaks(Era::Modern);
            self.remember_hello(Era::Modern, result.clone());
            let greeting = with_list_changed(&result);
            return self.respond_as(exchange, call, facts, with_result(body, &greeting));
        }
        let response = core::str::from_utf8(body).ok().and_then(Response::parse);
        let error = response.as_ref().and_then(Response::error_code);
        if response.as_ref().is_some_and(is_modern_error) {
            self.relay.speaks(Era::Modern);
            return self.respond_as(exchange, call, facts, body.clone());
        }
        if error == Some(-32601) || matches!(facts.status, 404 | 405) {
            self.forget_modern();
        }
        match probe {
            Probe::Malformed if error.is_some() => self.respond_as(exchange, call, facts, body.clone()),
            Probe::Malformed | Probe::WellFormed => self.answer_not_modern(exchange),
        }
    }

    /// `server/discover` while the relay is away: only a relay that is known to be modern is spoken for.
    pub(crate) fn discover_from_memory(&mut self, exchange: ExchangeId) {
        if !self.is_relay_modern() {
            return self.answer_not_modern(exchange);
        }
        self.observe(Observation::HelloFromMemory);
        let result = self.hellos.of(Era::Modern).unwrap_or(MINIMAL_MODERN);
        let greeting = with_list_changed(result);
        self.respond_result(exchange, &greeting);
    }

    /// What every client was seen to fall back from (B-3.5).
    pub(crate) fn answer_not_modern(&mut self, exchange: ExchangeId) {
        let sentence = "the relay does not speak 2026-07-28 or later: use initialize";
        // Where the answer has begun, its status is out, and its id alone says whose it is (B-9.1).
        let id = self.id_of(exchange).filter(|_| self.has_begun(exchange));
        let body = jsonrpc::error_response(id.as_ref(), code::NOT_MODERN, sentence, None);
        self.answer_json(exchange, 400, body);
    }

    /// Whether the relay was seen to speak the modern era.
    pub(crate) fn is_relay_modern(&self) -> bool {
        self.relay.era == Some(Era::Modern)
    }

    /// An answer that must be read is larger than we read.
    pub(crate) fn respond_too_large(&mut self, exchange: ExchangeId) {
        let message = alloc::format!(
            "the relay's answer is larger than the {} bytes that the proxy reads",
            self.config.limits.answer_bytes
        );
        self.respond_error(exchange, code::INTERNAL_ERROR, &message, None);
    }

    fn remember_hello(&mut self, era: Era, result: String) {
        if self.hellos.of(era) == Some(&result) {
            return;
        }
        let value = Bytes::from(result.clone());
        self.ahead.append(Change::Put(Record { key: hello_key(era), value }));
        self.hellos.remember(era, Some(result));
    }

    fn forget_modern(&mut self) {
        if self.hellos.of(Era::Modern).is_some() {
            self.ahead.append(Change::Remove(hello_key(Era::Modern)));
        }
        self.hellos.remember(Era::Modern, None);
        self.forget_menu(Era::Modern);
        self.relay.era = self.hellos.of(Era::Legacy).map(|_| Era::Legacy);
    }
}

fn hello_key(era: Era) -> RecordKey {
    RecordKey { kind: RecordKind::Hello, id: era.name().into() }
}

/// The result in the text of a response, where it is an object.
fn result_of(body: &Bytes) -> Option<String> {
    let response = Response::parse(core::str::from_utf8(body).ok()?)?;
    Object::parse(response.result?).map(|result| result.text().to_owned())
}

/// The text of a response with another result.
fn with_result(body: &Bytes, result: &str) -> Bytes {
    let response = core::str::from_utf8(body).ok().and_then(Response::parse);
    response.map_or_else(|| body.clone(), |response| Bytes::from(response.with_result(result)))
}

/// Whether a result is a modern server's: one that names a modern revision. Some legacy servers answer too,
/// and name legacy revisions only.
fn is_discovery(result: &str) -> bool {
    Object::parse(result).is_some_and(|result| names_modern(result.get("supportedVersions")))
}

/// Whether an error shows that the server is modern. One that refuses the revision says which it supports,
/// and some legacy servers do that too.
fn is_modern_error(response: &Response<'_>) -> bool {
    let code = response.error_code().filter(|code| MODERN_ERRORS.contains(code));
    let data = response.error.and_then(Object::parse).and_then(|error| error.object("data"));
    let supported = data.as_ref().and_then(|data| data.get("supported"));
    code.is_some() && (supported.is_none() || names_modern(supported))
}

/// Whether a list of revisions, a JSON text, names a modern one.
fn names_modern(versions: Option<&str>) -> bool {
    let versions = versions.and_then(elements).unwrap_or_default();
    let versions: Option<Vec<_>> = versions.into_iter().map(string).collect();
    versions.is_some_and(|versions| versions.iter().any(|version| **version >= *MODERN))
}

/// A hello that promises to tell of changes of the menu (B-3.1).
fn with_list_changed(result: &str) -> String {
    let set = |object: &str, name: &str, value: &str| {
        Object::parse(object).map_or_else(String::new, |object| set_member(&object, name, value))
    };
    let member = |object: &str, name: &str| {
        let text = Object::parse(object).and_then(|object| object.object(name)).map(|inner| inner.text());
        text.unwrap_or("{}").to_owned()
    };
    let capabilities = member(result, "capabilities");
    let tools = set(&member(&capabilities, "tools"), "listChanged", "true");
    set(result, "capabilities", &set(&capabilities, "tools", &tools))
}

/// The result of `initialize`: never a modern version, and not a newer one than `most` (B-3.2, B-11).
fn as_initialize_result(result: &str, most: Option<&str>) -> String {
    let greeting = with_list_changed(result);
    let Some(object) = Object::parse(&greeting) else { return greeting };
    let Some(version) = object.string("protocolVersion") else { return greeting };
    let most = most.filter(|most| *most < MODERN).unwrap_or(LATEST_LEGACY);
    if *version <= *most {
        return greeting;
    }
    let lower = if *version >= *MODERN { most.min(LATEST_LEGACY) } else { most };
    set_member(&object, "protocolVersion", &quoted(lower))
}

/// All that is remembered, for recovery.
pub(crate) fn recovered(proxy: &mut Proxy, era: Era, result: String) {
    proxy.relay.speaks(era);
    proxy.hellos.remember(era, Some(result));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_3_1_list_changed_becomes_true_and_every_other_member_stays() {
        for (result, expected) in [
            (r#"{"a":1}"#, r#"{"a":1,"capabilities":{"tools":{"listChanged":true}}}"#),
            (
                r#"{"capabilities": {"x":{}, "tools":{"y":1,"listChanged":false}}, "z":1.0}"#,
                r#"{"capabilities": {"x":{}, "tools":{"y":1,"listChanged":true}}, "z":1.0}"#,
            ),
            (r#"{"capabilities":{"tools":null}}"#, r#"{"capabilities":{"tools":{"listChanged":true}}}"#),
        ] {
            assert_eq!(with_list_changed(result), expected);
        }
    }

    #[test]
    fn b_3_2_a_remembered_hello_is_never_newer_than_what_was_asked_for() {
        let version = |relay: &str, asked: Option<&str>| {
            let result = alloc::format!(r#"{{"protocolVersion":"{relay}"}}"#);
            let greeting = as_initialize_result(&result, asked);
            Object::parse(&greeting).unwrap().string("protocolVersion").unwrap().into_owned()
        };
        assert_eq!(version("2025-11-25", Some("2025-06-18")), "2025-06-18");
        assert_eq!(version("2025-06-18", Some("2025-11-25")), "2025-06-18");
        assert_eq!(version("2025-11-25", Some("2026-07-28")), "2025-11-25");
        assert_eq!(version("2026-07-28", Some("2026-07-28")), "2025-11-25");
        assert_eq!(version("2026-07-28", None), "2025-11-25");
        assert_eq!(version("2026-07-28", Some("2025-06-18")), "2025-06-18");
    }
}
