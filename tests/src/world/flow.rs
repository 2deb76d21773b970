//! Answers that flow straight to the agent, which the machine does not see.

use relay_mcp_core::headers::{self, SESSION_ID, is_plain};
use relay_mcp_core::{AnswerHead, CallId};

use super::host::{CallStage, Host, Stage};

impl Host {
    /// Hands the relay's answer to whom it is for, if the machine need not be asked.
    pub(super) fn pass_on(&mut self, call: CallId) -> bool {
        let head = AnswerHead::OfCall { call, edits: Vec::new() };
        let (known, asked) = (&self.calls[&call], &self.heads[&call]);
        let Some(exchange) = known.pass_to.filter(|exchange| self.exchanges[exchange].is_open()) else {
            return false;
        };
        let session = |headers| headers::value(headers, SESSION_ID).map(str::as_bytes);
        let asked_in = session(&self.exchanges[&exchange].request.headers);
        if !is_plain(asked.status, asked_in, session(&asked.headers)) {
            return false;
        }
        let (status, headers) = self.resolve(&head);
        self.begin(exchange, status, headers, Stage::Spliced);
        self.calls.get_mut(&call).unwrap().stage = CallStage::Passed(exchange);
        self.passed.push(call);
        true
    }

    /// An answer is complete, or breaks off. Whether the machine is told: it is not of what was passed on.
    pub(super) fn tells_of_end(&mut self, call: CallId, stage: Stage) -> bool {
        let flows = self.calls[&call].stage;
        if let CallStage::Spliced(exchange) | CallStage::Passed(exchange) = flows {
            self.exchanges.get_mut(&exchange).unwrap().stage = stage;
        }
        if matches!(flows, CallStage::Passed(_)) {
            self.calls.remove(&call);
            return false;
        }
        true
    }
}
