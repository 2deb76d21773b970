//! What must hold of every run (BEHAVIOUR section 9), judged from outside.

use std::collections::{BTreeMap, BTreeSet};

use relay_mcp_core::{ExchangeId, RecordKind};
use serde_json::Value;

use super::Disk;
use super::host::{Exchange, Host, SentRequest, Stage};
use super::relay::{Relay, Response};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Hello,
    List,
    Write(u64),
    Stream,
    Other,
}

/// A legacy agent's session, if it has one; nothing for the modern agents, which share one view.
pub(super) type Viewer = Option<Option<String>>;

#[derive(Clone, Debug)]
struct Question {
    agent: usize,
    asked: Asked,
    viewer: Viewer,
    /// How often a stream was told of a change.
    told: usize,
    /// How much of a stream was looked at.
    looked_at: usize,
    /// Changes are told from here on.
    has_begun: bool,
    /// What could be seen of the menu since it was asked.
    could_see: Vec<Vec<Value>>,
}

/// A write as its agent made it, and what became of it.
#[derive(Clone, Debug)]
pub struct Write {
    pub agent: usize,
    pub arguments: Value,
    /// Each time that it was made.
    pub had_session: bool,
    /// When the agent sent it, as a count of what happened.
    pub made: Vec<u64>,
    /// The key in its receipt.
    pub accepted: Option<String>,
    /// Its agent was told, once at least, that nobody knows what became of it.
    pub is_uncertain: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Judge {
    pub writes: BTreeMap<u64, Write>,
    pub is_isolated: bool,
    pub has_crashed: bool,
    /// The keys of the writes that were thrown away by hand.
    pub discarded: BTreeSet<String>,
    /// The disk refused something in this life: what a viewer saw may be lost with the next crash.
    has_lost: bool,
    open: BTreeMap<ExchangeId, Question>,
    /// The relay's menu as the proxy last got it, by era: legacy, modern.
    known: [Option<Vec<Value>>; 2],
    /// The eras in which an agent asked for it, so that the proxy asks in its place.
    asked_for: [bool; 2],
    seen: BTreeMap<Viewer, View>,
    /// Viewers that left before a list reached them, and which: nobody can say whether they saw it, until they see
    /// one that they asked for later.
    doubtful: BTreeMap<Viewer, ExchangeId>,
}

/// What a viewer saw of the menu, and what it was told of since.
#[derive(Clone, Debug, Default)]
struct View {
    seen: Vec<Value>,
    told: Option<Vec<Value>>,
    /// It asked for it, and did not only begin to listen.
    has_looked: bool,
}

impl Judge {
    pub fn made(&mut self, number: u64, agent: usize, arguments: &Value, had_session: bool, at: u64) {
        let arguments = arguments.clone();
        let write =
            Write { agent, arguments, had_session, made: Vec::new(), accepted: None, is_uncertain: false };
        let write = self.writes.entry(number).or_insert(write);
        write.had_session &= had_session;
        write.made.push(at);
    }

    /// A dead letter is queued again, behind all others.
    pub fn made_again(&mut self, key: &str, at: u64) {
        let named = |write: &&mut Write| write.accepted.as_deref() == Some(key);
        if let Some(write) = self.writes.values_mut().find(named) {
            write.made.push(at);
        }
    }

    /// The disk did not take what it was given.
    pub fn lost_a_batch(&mut self) {
        self.has_lost = true;
    }

    /// A write whose key is its agent's own.
    pub fn nth_keyed(&self, which: usize) -> Option<(u64, usize)> {
        let keyed = self.writes.iter().filter(|(_, write)| write.arguments.get("idempotencyKey").is_some());
        let keyed: Vec<_> = keyed.map(|(number, write)| (*number, write.agent)).collect();
        (!keyed.is_empty()).then(|| keyed[which % keyed.len()])
    }

    pub fn asked(&mut self, exchange: ExchangeId, agent: usize, asked: Asked, viewer: Viewer) {
        if asked == Asked::List {
            self.asked_for[usize::from(viewer.is_none())] = true;
        }
        // A modern agent's stream begins when it is acknowledged.
        let has_begun = asked == Asked::Stream && viewer.is_some();
        if has_begun {
            self.begin_view(&viewer);
        }
        let question =
            Question { agent, asked, viewer, told: 0, looked_at: 0, has_begun, could_see: Vec::new() };
        self.open.insert(exchange, question);
    }

    /// Whoever listens and saw nothing yet hears of what changes from here on; who was told of a change and did not
    /// look is told again.
    fn begin_view(&mut self, viewer: &Viewer) {
        if let Some(view) = self.seen.get_mut(viewer) {
            view.told = None;
        }
        let era = usize::from(viewer.is_none());
        if self.best(era).is_some() && !self.has_crashed {
            let seen = self.visible(era);
            self.seen.entry(viewer.clone()).or_insert(View { seen, told: None, has_looked: false });
        }
    }

    pub fn open(&self) -> impl Iterator<Item = ExchangeId> {
        self.open.keys().copied()
    }

    pub fn kind(&self, exchange: ExchangeId) -> Asked {
        self.open[&exchange].asked
    }

    /// A session has ended, and with it what it saw.
    pub fn ended(&mut self, session: &str) {
        self.seen.remove(&Some(Some(session.into())));
    }

    /// The proxy got an answer whole.
    pub fn relayed(&mut self, request: &SentRequest, response: &Response) {
        let tools = response.body["result"]["tools"].as_array();
        if request.rpc_method() == "tools/list"
            && let Some(tools) = tools
        {
            let era = usize::from(request.json()["params"].get("_meta").is_some());
            self.known[era] = Some(tools.clone());
            if request.own_id().is_some() && !self.asked_for[1 - era] {
                self.known[1 - era] = None;
            }
        }
    }

    /// The proxy was started again: it knows what is on disk. Nothing that was accepted is lost (B-5.9), and who
    /// looked at a menu is remembered (B-7.3), unless the disk refused that.
    pub fn crashed(&mut self, disk: &Disk, relay: &Relay) {
        self.has_crashed = true;
        self.is_isolated = false;
        let has_lost = std::mem::take(&mut self.has_lost);
        self.seen.retain(|_, view| view.has_looked && !has_lost);
        self.seen.values_mut().for_each(|view| view.told = None);
        let kept = disk.keys_of_writes();
        for (number, write) in &self.writes {
            let Some(key) = &write.accepted else { continue };
            let is_there =
                kept.contains(key) || relay.applied.contains(number) || self.discarded.contains(key);
            assert!(is_there, "B-5.9: {number} was accepted and is neither stored nor applied");
        }
        self.known = [None, None];
        self.asked_for = [false; 2];
        for record in disk.records().iter().filter(|record| record.key.kind == RecordKind::Menu) {
            let value: Value = serde_json::from_slice(&record.value).unwrap();
            let pages = value["pages"].as_array().unwrap().iter();
            let tools = pages.flat_map(|page| page["tools"].as_array().unwrap());
            let tools = tools.map(|tool| tool["definition"].clone()).collect();
            let era = usize::from(record.key.id == "modern");
            self.known[era] = Some(tools);
            self.asked_for[era] = !value["lister"].is_null();
        }
    }

    /// Looks at all that was answered since; gives the hellos among it, with their agents.
    pub fn look(&mut self, host: &Host, relay: &Relay) -> Vec<(ExchangeId, usize)> {
        let mut hellos = Vec::new();
        // A step that lets an answer go tells of changes after it.
        let (streams, mut others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|(_, q)| q.asked == Asked::Stream);
        others.sort_by_key(|(exchange, _)| host.answered.iter().position(|answered| answered == exchange));
        for (exchange, mut question) in others.into_iter().chain(streams) {
            let known = &host.exchanges[&exchange];
            if question.asked == Asked::Stream {
                self.look_at_stream(known, &mut question);
            }
            match known.stage {
                Stage::Over => {
                    self.look_at_answer(exchange, &question, host, relay);
                    if question.asked == Asked::Hello {
                        hellos.push((exchange, question.agent));
                    }
                }
                Stage::Broken => match question.asked {
                    Asked::List => {
                        self.doubtful.insert(question.viewer, exchange);
                    }
                    Asked::Write(number) => self.uncertain(number),
                    Asked::Hello | Asked::Stream | Asked::Other => {}
                },
                Stage::Waiting | Stage::Begun | Stage::Spliced => {
                    if question.asked == Asked::List {
                        question.could_see.push(self.visible(usize::from(question.viewer.is_none())));
                    }
                    self.open.insert(exchange, question);
                }
            }
        }
        hellos
    }

    fn look_at_answer(&mut self, exchange: ExchangeId, question: &Question, host: &Host, relay: &Relay) {
        let known = &host.exchanges[&exchange];
        if question.asked == Asked::Stream {
            return;
        }
        let asked: Value = serde_json::from_slice(&known.request.body).unwrap_or_default();
        if known.body.is_empty() {
            let needs_none = asked["id"].is_null() || known.status >= 400;
            return assert!(needs_none, "B-9.1: a request is answered: {asked}");
        }
        let answer = known.json();
        let is_own = answer["id"] == asked["id"] || answer["id"].is_null() && known.status >= 400;
        assert!(is_own, "B-9.1: its own id: {answer} to {asked}");
        let is_one_of = answer.get("result").is_some() != answer.get("error").is_some();
        assert!(is_one_of, "B-9.1: a result or an error, not {answer}");
        match question.asked {
            Asked::Write(number) => self.look_at_write(number, &answer, host, relay),
            Asked::List => self.look_at_list(exchange, question, &answer),
            Asked::Hello | Asked::Stream | Asked::Other => return,
        }
        assert_eq!(known.responses(), 1, "B-9.1: one answer: {}", known.text());
    }

    /// Nobody knows what became of it: it was in flight when something broke.
    fn uncertain(&mut self, number: u64) {
        self.writes.get_mut(&number).unwrap().is_uncertain = true;
    }

    fn look_at_write(&mut self, number: u64, answer: &Value, host: &Host, relay: &Relay) {
        let content = &answer["result"]["structuredContent"];
        if content["queued"] == true {
            let key = content["idempotencyKey"].as_str().unwrap();
            assert!(host.disk.has_write(key, "queued"), "B-9.3: queued only after durable: {key}");
            self.writes.get_mut(&number).unwrap().accepted = Some(key.into());
            // Who makes a write that was thrown away gets another one.
            self.discarded.remove(key);
        } else if answer["error"]["data"]["delivered"] == "unknown" {
            self.uncertain(number);
        } else if answer["result"]["content"][0]["text"] == format!("done {number}") {
            assert!(relay.applied.contains(&number), "an answer of the relay's own");
        }
    }

    fn look_at_list(&mut self, exchange: ExchangeId, question: &Question, answer: &Value) {
        let Some(tools) = answer["result"]["tools"].as_array() else { return };
        let era = usize::from(question.viewer.is_none());
        let is_right = *tools == self.visible(era) || question.could_see.contains(tools);
        assert!(is_right, "B-9.2: what the relay last returned, narrowed: {tools:?}");
        if self.doubtful.get(&question.viewer).is_some_and(|left| *left < exchange) {
            self.doubtful.remove(&question.viewer);
        }
        self.seen.insert(question.viewer.clone(), View { seen: tools.clone(), told: None, has_looked: true });
    }

    fn look_at_stream(&mut self, known: &Exchange, question: &mut Question) {
        if std::mem::replace(&mut question.looked_at, known.body.len()) == known.body.len() {
            return;
        }
        if !question.has_begun && known.text().contains("notifications/subscriptions/acknowledged") {
            question.has_begun = true;
            self.begin_view(&question.viewer);
        }
        let told = known.text().matches("notifications/tools/list_changed").count();
        for _ in question.told..told {
            let now = self.visible(usize::from(question.viewer.is_none()));
            if let Some(view) = self.seen.get_mut(&question.viewer) {
                let is_news = now != view.seen || self.doubtful.contains_key(&question.viewer);
                assert!(is_news, "B-9.9: an unchanged menu is never told: {now:?}");
                view.told = Some(now);
            }
        }
        question.told = told;
    }

    fn best(&self, era: usize) -> Option<&Vec<Value>> {
        self.known[era].as_ref().or(self.known[1 - era].as_ref())
    }

    /// What an agent may see.
    fn visible(&self, era: usize) -> Vec<Value> {
        self.best(era).map(|known| self.narrowed(known)).unwrap_or_default()
    }

    /// What an agent may see of a menu (B-4.1).
    pub fn narrowed(&self, menu: &[Value]) -> Vec<Value> {
        let is_hidden = |tool: &Value| tool["name"] == "relay_workspace_land" && !self.is_isolated;
        menu.iter().filter(|tool| !is_hidden(tool)).cloned().collect()
    }

    /// At rest: what the proxy knows of the menu is what the relay's menu is (B-9.10). Of a relay that wants sessions
    /// it may have no means to ask: all may have ended.
    pub fn check_known(&self, relay: &Relay) {
        let [legacy, modern] = &self.known;
        let legacy = legacy.as_ref().filter(|_| !relay.keeps_sessions);
        for known in legacy.into_iter().chain(modern) {
            assert_eq!(*known, relay.menu(), "B-9.10: the menu converges");
        }
    }

    /// At rest: whoever listens and does not see what it saw was told so (B-9.9).
    pub fn check_told(&self) {
        for question in self.open.values().filter(|question| question.asked == Asked::Stream) {
            let Some(view) = self.seen.get(&question.viewer) else { continue };
            let now = self.visible(usize::from(question.viewer.is_none()));
            let is_told = view.told.as_ref() == Some(&now) || self.doubtful.contains_key(&question.viewer);
            assert!(now == view.seen || is_told, "B-9.9: a changed menu is always told: {question:?}");
        }
    }

    /// The relay saw the agent's writes in the order in which it made them, each under one key (B-9.4, B-9.5). What
    /// was thrown away, or the relay did after everybody had given it up and the agent had been told so, has no order.
    pub fn check_order(&self, relay: &Relay) {
        let mut keys: BTreeMap<u64, &str> = BTreeMap::new();
        for (number, key) in &relay.arrivals {
            let first = keys.entry(*number).or_insert(key);
            assert_eq!(first, key, "B-5.3: one write, one key");
            let accepted = self.writes[number].accepted.as_ref();
            assert!(accepted.is_none_or(|accepted| accepted == key), "B-5.4: the key of the receipt");
            let mut plain = self.writes[number].arguments.clone();
            plain.as_object_mut().unwrap().remove("idempotencyKey");
            assert_eq!(relay.arguments[number], plain, "B-5.8: what the agent wrote");
        }
        for (at, later) in relay.applied.iter().enumerate() {
            assert!(!relay.applied[..at].contains(later), "B-9.4: one key is one write: {later}");
            let write = &self.writes[later];
            let is_discarded = keys.get(later).is_some_and(|key| self.discarded.contains(*key));
            if is_discarded || relay.late.contains(later) && write.is_uncertain {
                continue;
            }
            for earlier in &relay.applied[..at] {
                let (earlier, later) = (&self.writes[earlier].made, &self.writes[later].made);
                let in_order = earlier.first() < later.last();
                assert!(in_order, "B-9.5: in order: {:?}", relay.applied);
            }
        }
    }
}
