//! `tools/call` (B-5.1 to B-5.3): passed through, or taken as a write.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::entry::Asker;
use super::lane::Live;
use super::write::{Keyed, Write, hears_progress, with_key};
use crate::exchange::{Exchange, delivered};
use crate::headers::repeated;
use crate::ids::ExchangeId;
use crate::input::Sent;
use crate::jsonrpc::{Object, Parsed, code, set_member};
use crate::mcp::Era;
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::status::WriteState;

/// What a call carries when somebody must answer what comes back (B-5.11).
const CONTINUATIONS: [&str; 3] = ["inputResponses", "requestState", "task"];

impl Proxy {
    pub(crate) fn call_tool(
        &mut self,
        exchange: ExchangeId,
        parsed: &Parsed<'_>,
        params: Option<&Object<'_>>,
    ) {
        let tool = params.and_then(|params| params.string("name"));
        let (Some(params), Some(tool)) = (params, tool) else { return self.pass(exchange) };
        if !self.config.bufferable.iter().any(|known| *known == tool) {
            return self.pass(exchange);
        }
        let arguments = params.object("arguments");
        if arguments.is_none() && params.present("arguments").is_some() {
            // What is no object is for the relay to refuse.
            return self.pass(exchange);
        }
        let Some(known) = self.exchanges.get(&exchange).cloned() else { return };
        if let Some(name) = CONTINUATIONS.into_iter().find(|name| params.present(name).is_some()) {
            let live = self.continuation(exchange, &known, &tool, params, name);
            return self.enter_lane(live);
        }
        let keyed = self.keyed(&tool, params, arguments.as_ref(), known.era);
        if keyed.is_agents && self.answer_known_key(exchange, &tool, &keyed) {
            return;
        }
        let body = match keyed.is_agents {
            true => Bytes::new(),
            false => Bytes::from(set_member(&parsed.envelope, "params", &keyed.params)),
        };
        let mirror: Vec<_> = keyed.header.iter().cloned().collect();
        let write = write_of(&known, &tool, keyed);
        let live = Live {
            write,
            askers: self.asker(exchange).into_iter().collect(),
            body,
            mirror,
            hears_progress: hears_progress(params),
            cannot_queue: None,
        };
        self.enter_lane(live);
    }

    fn keyed(&mut self, tool: &str, params: &Object<'_>, arguments: Option<&Object<'_>>, era: Era) -> Keyed {
        let definition = self.menus.definition(era, tool).cloned();
        let random = &mut self.random;
        let mint = || format!("mcp-{tool}-{}", random.uuid());
        with_key(params, arguments, definition.as_ref().map(|tool| tool.text()), mint)
    }

    /// A call that cannot be queued: it keeps its place in the order, and is sent as it is.
    fn continuation(
        &mut self,
        exchange: ExchangeId,
        known: &Exchange,
        tool: &str,
        params: &Object<'_>,
        name: &'static str,
    ) -> Live {
        let key = format!("mcp-{tool}-{}", self.random.uuid());
        let keyed = Keyed { key, params: params.text().to_owned(), header: None, is_agents: false };
        let askers = self.asker(exchange).into_iter().collect();
        let write = write_of(known, tool, keyed);
        let mirror = Vec::new();
        Live { write, askers, body: Bytes::new(), mirror, hears_progress: false, cannot_queue: Some(name) }
    }

    /// A key that is here already is not queued twice (B-5.7). Whether it was answered, or will be with the
    /// one that is here.
    fn answer_known_key(&mut self, exchange: ExchangeId, tool: &str, keyed: &Keyed) -> bool {
        let in_lane = self.lane.find(&keyed.key).map(|live| live.write.is_same(tool, &keyed.params));
        let place = self.outbox.place_of(&keyed.key);
        let in_outbox = place.and_then(|place| self.outbox.get(place));
        let in_outbox = in_outbox.map(|entry| entry.write.is_same(tool, &keyed.params));
        let Some(is_same) = in_lane.or(in_outbox) else { return false };
        if !is_same {
            let message = format!("the idempotency key {} is already used with other arguments", keyed.key);
            self.respond_error(exchange, code::INVALID_PARAMS, &message, Some(delivered(Sent::No)));
            return true;
        }
        let is_dead = in_lane.is_none() && place.is_some_and(|place| self.outbox.is_dead(place));
        if is_dead && self.lane.is_busy() {
            return false;
        }
        self.observe(Observation::WriteDeduplicated { key: keyed.key.clone() });
        let Some(asker) = self.asker(exchange) else { return true };
        match self.lane.find_mut(&keyed.key) {
            Some(live) => live.askers.push(asker),
            None => self.ask_for_receipt(&keyed.key, asker),
        }
        true
    }

    /// Somebody asks again for a write that is in the outbox; a dead letter is queued again (B-5.7).
    pub(super) fn ask_for_receipt(&mut self, key: &str, asker: Asker) {
        let Some(place) = self.outbox.place_of(key) else { return };
        let Some(entry) = self.outbox.entries.get_mut(&place) else { return };
        match entry.state {
            WriteState::Dead => self.queue_again(place, Some(asker)),
            WriteState::Queued if entry.is_durable => self.give_receipt(place, &asker),
            WriteState::Queued => entry.askers.push(asker),
        }
    }

    fn asker(&self, exchange: ExchangeId) -> Option<Asker> {
        let known = self.exchanges.get(&exchange)?;
        Some(Asker { exchange, id: known.id.clone()?, era: known.era })
    }
}

fn write_of(known: &Exchange, tool: &str, keyed: Keyed) -> Write {
    let mut headers = repeated(&known.headers);
    headers.extend(keyed.header);
    Write {
        key: keyed.key,
        tool: tool.to_owned(),
        params: keyed.params,
        era: known.era,
        session: known.session().filter(|_| known.era == Era::Legacy).map(String::from),
        query: known.query.clone(),
        headers,
    }
}
