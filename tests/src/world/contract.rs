//! Doing the machine's actions, and the contract that they keep (see `core/src/action.rs`): exactly one last
//! action for each exchange, none for what is unknown, exactly one decision for each head of an answer.

use bytes::Bytes;
use relay_mcp_core::headers::{Header, HeaderEdit, crosses_to_agent, crosses_to_relay};
use relay_mcp_core::{
    Action, AnswerHead, CallBody, CallHeaders, CallId, Change, ExchangeId, Input, RelayRequest, Timestamp,
};

use super::host::{Call, CallStage, Exchange, Host, SentRequest, Stage};
use super::messages::SECRET;

impl Host {
    /// Whether the input is the head of an answer, which wants a decision.
    pub(super) fn check_input(&mut self, input: &Input) -> bool {
        let Input::RelayHead { call, head } = input else { return false };
        let Some(known) = self.calls.get_mut(call) else { return false };
        known.stage = CallStage::Headed;
        self.heads.entry(*call).or_insert_with(|| head.clone());
        true
    }

    pub(super) fn perform(&mut self, action: &Action) {
        match action {
            Action::Call { call, request, pass_to } => self.send(*call, request, *pass_to),
            Action::Splice { call, exchange, edits } => {
                self.decide(*call, Some(CallStage::Spliced(*exchange)));
                let head = AnswerHead::OfCall { call: *call, edits: edits.clone() };
                let (status, headers) = self.resolve(&head);
                self.begin(*exchange, status, headers, Stage::Spliced);
            }
            Action::Read { call } => self.decide(*call, Some(CallStage::Reading)),
            Action::Cancel { call } => self.decide(*call, None),
            Action::Answer { exchange, head, body } => {
                let (status, headers) = self.resolve(head);
                self.begin(*exchange, status, headers, Stage::Over);
                self.exchanges.get_mut(exchange).unwrap().body = body.to_vec();
                self.answered.push(*exchange);
            }
            Action::AnswerHead { exchange, head } => {
                let (status, headers) = self.resolve(head);
                self.begin(*exchange, status, headers, Stage::Begun);
            }
            Action::AnswerChunk { exchange, bytes } => self.begun(*exchange).body.extend_from_slice(bytes),
            Action::AnswerEnd { exchange } => {
                self.begun(*exchange).stage = Stage::Over;
                self.answered.push(*exchange);
            }
            Action::Abort { exchange } => self.open_exchange(*exchange).stage = Stage::Broken,
            Action::Persist { ticket, changes } => {
                assert!(self.last_ticket < Some(*ticket), "tickets go up");
                self.last_ticket = Some(*ticket);
                changes.iter().for_each(check_change);
                self.disk.take(*ticket, changes.clone());
            }
            Action::Reply { command, reply } => {
                let known = self.replies.get_mut(command).expect("a reply to a command");
                assert!(known.replace(reply.clone()).is_none(), "one reply for each command");
            }
            Action::Observe(observation) => self.observed.push(observation.clone()),
        }
    }

    /// What must hold when all actions of a step are done.
    pub(super) fn check_step(&mut self, input: &Input, actions: &[Action], is_head: bool) {
        if let Input::RelayHead { call, .. } = input
            && is_head
        {
            let decides = |action: &&Action| matches!(action, Action::Splice { call: c, .. } | Action::Read { call: c } | Action::Cancel { call: c } if c == call);
            assert_eq!(actions.iter().filter(decides).count(), 1, "one decision for each head");
        }
        if let Input::RelayEnd { call } | Input::RelayFailed { call, .. } = input {
            self.end_call(*call);
        }
        let (open, ended) = (&self.calls, &self.ended);
        self.heads.retain(|call, _| open.contains_key(call) || ended.contains(call));
        let is_told_first = matches!(input, Input::Passed { .. });
        let is_due = self.proxy.next_wakeup().is_some_and(|wakeup| wakeup.at <= Timestamp(self.now));
        assert!(is_told_first || !is_due, "no wakeup is overdue");
        self.pace.look(self.now, input, actions);
    }

    fn send(&mut self, call: CallId, request: &RelayRequest, pass_to: Option<ExchangeId>) {
        assert!(call > self.last_call, "calls have names of their own");
        self.last_call = call;
        let mut headers: Vec<Header> = match &request.headers {
            CallHeaders::OfExchange(exchange) => {
                let of = &self.kept(*exchange).request.headers;
                of.iter().filter(|header| crosses_to_relay(&header.name)).cloned().collect()
            }
            CallHeaders::Own(headers) => headers.clone(),
        };
        edit(&mut headers, &request.edits);
        let body = match &request.body {
            CallBody::Empty => Bytes::new(),
            CallBody::OfExchange(exchange) => self.kept(*exchange).request.body.clone(),
            CallBody::Bytes(bytes) => bytes.clone(),
        };
        let (method, query) = (request.method, request.query.clone());
        let request = SentRequest { method, query, headers, body, token: self.token };
        if let Some(id) = request.own_id() {
            let has_id = |call: &Call| call.request.own_id().as_ref() == Some(&id);
            assert!(
                !self.calls.values().any(has_id),
                "two requests of the proxy's own are under way as {id}"
            );
        }
        self.check_sent(&request);
        if let Some(exchange) = pass_to {
            assert_eq!(
                self.kept(exchange).stage,
                Stage::Waiting,
                "an answer that has not begun: {exchange:?}"
            );
        }
        self.calls.insert(call, Call { request, stage: CallStage::Sent, pass_to });
    }

    /// The token is the host's business and the secret the agent's, and writes go one by one.
    fn check_sent(&self, request: &SentRequest) {
        for name in ["authorization", "cookie", "host", "origin", "transfer-encoding"] {
            assert_eq!(request.header(name), None, "B-2.1, B-9.6: it does not cross");
        }
        if !request.is_write() {
            return;
        }
        let over = self.history.last().and_then(|step| match &step.input {
            Input::RelayFailed { call, .. } => Some(*call),
            _ => None,
        });
        let is_under_way = |(call, known): (&CallId, &Call)| {
            known.stage == CallStage::Sent && known.request.is_write() && Some(*call) != over
        };
        assert!(!self.calls.iter().any(is_under_way), "B-5.5, B-5.8: one write at a time");
    }

    /// An exchange whose request the host still keeps: it had no last action yet.
    fn kept(&self, exchange: ExchangeId) -> &Exchange {
        let known = self.exchanges.get(&exchange).expect("a call of a known exchange");
        assert!(known.is_open(), "a call refers to {exchange:?}, which is over");
        known
    }

    /// The head of an answer that was read stays until the machine lets it go.
    fn end_call(&mut self, call: CallId) {
        let stage = self.calls.remove(&call).map(|known| known.stage);
        if stage == Some(CallStage::Reading) {
            self.ended.insert(call);
        }
    }

    fn decide(&mut self, call: CallId, stage: Option<CallStage>) {
        if stage.is_none() && self.ended.remove(&call) {
            return;
        }
        let known = self.calls.get_mut(&call).expect("a decision about a known call");
        match stage {
            Some(stage) => {
                assert_eq!(known.stage, CallStage::Headed, "a decision about an answer that has just begun");
                known.stage = stage;
            }
            None => {
                assert!(
                    !matches!(known.stage, CallStage::Spliced(_) | CallStage::Passed(_)),
                    "a spliced call is the host's"
                );
                self.calls.remove(&call);
            }
        }
    }

    pub(super) fn resolve(&self, head: &AnswerHead) -> (u16, Vec<Header>) {
        match head {
            AnswerHead::Own { status, headers } => (*status, headers.clone()),
            AnswerHead::OfCall { call, edits } => {
                let head = self.heads.get(call).expect("an answer under the head of a call that has one");
                let crosses = |header: &&Header| crosses_to_agent(&header.name);
                let mut headers = head.headers.iter().filter(crosses).cloned().collect();
                edit(&mut headers, edits);
                (head.status, headers)
            }
        }
    }

    pub(super) fn begin(&mut self, exchange: ExchangeId, status: u16, headers: Vec<Header>, stage: Stage) {
        let known = self.open_exchange(exchange);
        assert!(!known.is_gone, "nobody is there to be answered: {exchange:?}");
        assert_eq!(known.stage, Stage::Waiting, "an answer begins once: {exchange:?}");
        (known.status, known.headers, known.stage) = (status, headers, stage);
    }

    fn begun(&mut self, exchange: ExchangeId) -> &mut Exchange {
        let known = self.open_exchange(exchange);
        assert!(!known.is_gone, "nobody is there to be answered: {exchange:?}");
        assert_eq!(known.stage, Stage::Begun, "a piece of an answer that has begun: {exchange:?}");
        known
    }

    fn open_exchange(&mut self, exchange: ExchangeId) -> &mut Exchange {
        let known = self.exchanges.get_mut(&exchange).expect("an action for a known exchange");
        assert!(known.is_open(), "one last action for each exchange: {exchange:?}");
        known
    }
}

fn edit(headers: &mut Vec<Header>, edits: &[HeaderEdit]) {
    for edit in edits {
        match edit {
            HeaderEdit::Set(header) => {
                headers.retain(|known| known.name != header.name);
                headers.push(header.clone());
            }
            HeaderEdit::Remove(name) => headers.retain(|known| known.name != *name),
        }
    }
}

fn check_change(change: &Change) {
    if let Change::Put(record) = change {
        let value: Result<&serde_json::value::RawValue, _> = serde_json::from_slice(&record.value);
        assert!(value.is_ok(), "records are JSON: {record:?}");
        let has = |word: &str| record.value.windows(word.len()).any(|bytes| bytes == word.as_bytes());
        assert!(!has(SECRET), "G15: no secret in the store: {record:?}");
    }
}
