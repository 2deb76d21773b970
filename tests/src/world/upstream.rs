//! The relay's streams, from server to agent, and who hears what is said on them.

use std::collections::{BTreeMap, BTreeSet};

use relay_mcp_core::headers;
use relay_mcp_core::{CallId, ExchangeId, Method};
use serde_json::{Value, json};

use super::host::{CallStage, Stage};
use super::run::World;

/// Where the relay's streams lead.
#[derive(Clone, Debug, Default)]
pub(super) struct Upstreams {
    /// The relay's open streams: the call of each, and the name of the agent's stream behind it.
    open: BTreeMap<CallId, String>,
    /// The agents' streams, by name.
    agents: BTreeMap<String, ExchangeId>,
    /// How much was said so far.
    said: u64,
}

impl Upstreams {
    /// The agent's stream of this name is this exchange.
    pub(super) fn listens(&mut self, name: String, exchange: ExchangeId) {
        self.agents.insert(name, exchange);
    }
}

impl World {
    /// The relay's answer to this call is a stream; a subscription is acknowledged first.
    pub(super) fn open_upstream(&mut self, call: CallId) {
        let request = self.host.calls[&call].request.clone();
        let name = request.query.clone().expect("a stream has a name");
        self.upstreams.open.insert(call, name);
        let message = request.json();
        if message["method"] == "subscriptions/listen" {
            let filter = message["params"]["notifications"].clone();
            let params = json!({ "_meta": subscription(&message["id"]), "notifications": filter });
            self.say(call, "notifications/subscriptions/acknowledged", &params);
        }
    }

    /// The relay says something new on each of its streams: the agent behind it hears it at once, word by word.
    pub(super) fn tell_upstreams(&mut self) {
        for call in self.reading() {
            self.upstreams.said += 1;
            let mut params = json!({ "level": "info", "data": self.upstreams.said });
            params["_meta"] = subscription(&self.host.calls[&call].request.json()["id"]);
            let event = self.say(call, "notifications/message", &params);
            if self.host.is_dead {
                return;
            }
            let exchange = self.upstreams.agents[&self.upstreams.open[&call]];
            let known = &self.host.exchanges[&exchange];
            assert_eq!(known.stage, Stage::Begun, "B-7.1: the relay's stream is open for an agent's that is");
            assert!(known.text().contains(&event), "B-7.1: everything that comes from the relay");
        }
    }

    /// The relay says on each of its streams that its menu has changed.
    pub(super) fn tell_upstreams_of_the_menu(&mut self) {
        for call in self.reading() {
            let params = json!({ "_meta": subscription(&self.host.calls[&call].request.json()["id"]) });
            self.say(call, "notifications/tools/list_changed", &params);
        }
    }

    /// The open streams of agents behind which there is none of the relay's, though they are modern or have a
    /// session.
    pub fn streams_alone(&mut self) -> Vec<String> {
        let reading = self.reading();
        let served: BTreeSet<&String> = reading.iter().map(|call| &self.upstreams.open[call]).collect();
        let is_entitled = |exchange: &ExchangeId| {
            let known = &self.host.exchanges[exchange];
            let is_legacy = known.request.method == Method::Get;
            let has_session = headers::value(&known.request.headers, headers::SESSION_ID).is_some();
            known.stage == Stage::Begun && (has_session || !is_legacy)
        };
        let open = self.upstreams.agents.iter().filter(|(_, exchange)| is_entitled(exchange));
        open.filter(|(name, _)| !served.contains(name)).map(|(name, _)| name.clone()).collect()
    }

    /// The relay's streams that somebody still reads.
    fn reading(&mut self) -> Vec<CallId> {
        let calls = &self.host.calls;
        let is_read = |call: &CallId| calls.get(call).is_some_and(|known| known.stage == CallStage::Reading);
        self.upstreams.open.retain(|call, _| is_read(call));
        self.upstreams.open.keys().copied().collect()
    }

    fn say(&mut self, call: CallId, method: &str, params: &Value) -> String {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let event = format!("id: {}-{}\ndata: {message}\n\n", call.0, self.upstreams.said);
        self.host.chunk(call, event.as_bytes());
        event
    }
}

/// What a message of a subscription names it by; harmless where it is none.
fn subscription(id: &Value) -> Value {
    json!({ "io.modelcontextprotocol/subscriptionId": id })
}
