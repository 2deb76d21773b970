//! When faults have stopped, everybody is served again: what each agent asks is answered by the relay itself
//! (B-9.10).

use relay_mcp_core::ExchangeId;
use serde_json::{Value, json};

use super::AGENTS;
use super::host::Stage;
use super::plan::Poison;
use super::run::World;

impl World {
    pub(super) fn check_service(&mut self) {
        for agent in 0..AGENTS {
            let hello = self.greet(agent);
            assert_eq!(self.served(hello)["error"], Value::Null, "B-3.1: the relay's own hello");
            let list = self.list(agent);
            let expected = self.judge.narrowed(&self.relay.menu());
            assert_eq!(self.served(list)["result"]["tools"], json!(expected), "B-4.1: the relay's own menu");
            let read = self.read(agent);
            assert_eq!(text_of(&self.served(read)), "read", "B-2.1: the relay's own answer");
            let (number, write) = self.write(agent, false, Poison::None);
            assert_eq!(text_of(&self.served(write)), format!("done {number}"), "B-5.5: nothing is queued");
        }
    }

    /// The answer to this exchange.
    fn served(&mut self, exchange: ExchangeId) -> Value {
        self.go_on();
        let known = &self.host.exchanges[&exchange];
        assert_eq!(known.stage, Stage::Over, "B-9.1: it is answered: {:?}", known.request);
        known.json()
    }
}

fn text_of(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default()
}
