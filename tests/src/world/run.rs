//! The run of a plan, in virtual time: what happens when, until everything has come to rest.

use std::collections::{BTreeMap, VecDeque};

use relay_mcp_core::{CallId, Command, Config, ExchangeId, Sent};

use super::Disk;
use super::calls::Answering;
use super::host::{Host, SentRequest};
use super::judge::{Asked, Judge};
use super::plan::{Act, Crash, DiskTurn, Outcome, Plan};
use super::relay::Relay;
use super::upstream::Upstreams;

pub struct World {
    pub host: Host,
    pub relay: Relay,
    pub judge: Judge,
    pub plan: Plan,
    pub(super) upstreams: Upstreams,
    pub(super) sessions: [Option<String>; AGENTS],
    pub(super) events: BTreeMap<(u64, u64), Event>,
    /// How many batches the disk has yet to take.
    pub(super) disk_turns: usize,
    pub(super) last_event: u64,
    pub(super) outcomes: VecDeque<Outcome>,
    disk: VecDeque<DiskTurn>,
    pub(super) away_until: u64,
    pub(super) silent_until: u64,
    pub(super) full_until: u64,
    /// The proxy was told to end, and takes no new requests.
    pub(super) is_draining: bool,
    /// How the proxy dies when its time has come.
    pub(super) dying: Crash,
    pub(super) last_call: CallId,
    pub(super) next_id: u64,
}

/// How many agents there are.
pub(super) const AGENTS: usize = 4;

/// When the world begins: far enough from zero for clocks that are set back.
const BEGIN: u64 = 10_000_000_000;

/// How long everything may take to come to rest when faults have stopped.
const REST: u64 = 600_000;

#[derive(Clone, Debug)]
pub(super) enum Event {
    Act(Act),
    Arrive(CallId),
    /// The relay does what it was asked long ago, and answers if the call still stands.
    Do(Option<CallId>, Box<SentRequest>),
    Head(CallId, Answering),
    Body(CallId, Answering),
    Fail(CallId),
    Disk(DiskTurn),
    /// The proxy has ended as it was told, and is started again.
    Reopen(i32),
}

impl World {
    pub fn new(plan: Plan) -> Self {
        Self::told(plan, None)
    }

    /// A world of which every event is told as it happens.
    pub fn told(plan: Plan, teller: Option<fn(&str)>) -> Self {
        let mut config = Config::default();
        config.limits.outbox_entries = plan.room;
        let mut host = Host::open(config, [plan.seed; 32], BEGIN, Disk::default());
        (host.teller, host.passes) = (teller, plan.seed % 2 == 1);
        let mut world = Self {
            relay: Relay::new(plan.is_modern, plan.keeps_sessions, plan.has_streams),
            upstreams: Upstreams::default(),
            judge: Judge::default(),
            sessions: [const { None }; AGENTS],
            events: BTreeMap::new(),
            disk_turns: 0,
            last_event: 0,
            outcomes: plan.outcomes.iter().copied().collect(),
            disk: plan.disk.iter().copied().collect(),
            away_until: 0,
            silent_until: 0,
            full_until: 0,
            is_draining: false,
            dying: Crash::default(),
            last_call: CallId(0),
            next_id: 0,
            host,
            plan,
        };
        let mut at = 0;
        for (after, act) in world.plan.acts.clone() {
            at += u64::from(after);
            world.schedule(at, Event::Act(act));
        }
        world.host.tick();
        world
    }

    /// Runs the plan to its end, then lets all faults stop and everything come to rest.
    pub fn run(&mut self) {
        self.go_on();
        self.host.tell("faults stop");
        self.outcomes.clear();
        self.disk.clear();
        (self.away_until, self.silent_until, self.full_until) = (0, 0, 0);
        self.host.fuse = None;
        self.relay.token = self.host.token;
        // Nobody says a word: what is queued goes out by itself (OUTBOX G14).
        self.pass(REST);
        self.judge.check_told();
        self.host.command(Command::Refresh);
        self.pass(REST);
        // Before anybody looks at it again.
        self.judge.check_known(&self.relay);
        self.judge.check_told();
        self.check_service();
        self.host.check_determinism();
    }

    /// Until nothing is scheduled any more.
    pub(super) fn go_on(&mut self) {
        self.look_around();
        for _ in 0..100_000 + 1_000 * self.plan.acts.len() {
            let Some((&(at, _), _)) = self.events.first_key_value() else { return };
            match self.host.wakeup().filter(|wakeup| *wakeup < at) {
                Some(wakeup) => {
                    self.host.now = self.host.now.max(wakeup);
                    self.host.tick();
                }
                None => {
                    self.host.now = self.host.now.max(at);
                    let (_, event) = self.events.pop_first().unwrap();
                    self.happen(event);
                }
            }
            self.look_around();
        }
        panic!("the world does not come to rest");
    }

    /// Lets time pass, and everything happen that comes of it.
    fn pass(&mut self, millis: u64) {
        self.go_on();
        let until = self.host.now + millis;
        while self.host.now < until {
            let rest = self.host.wakeup().unwrap_or(until).min(until);
            self.host.now = rest.max(self.host.now);
            self.host.tick();
            self.go_on();
        }
    }

    pub(super) fn schedule(&mut self, after: u64, event: Event) {
        self.last_event += 1;
        self.events.insert((self.host.now + after, self.last_event), event);
    }

    /// What the last step began: calls set out, batches wait for the disk, answers reached their agents. Then the
    /// proxy dies, if it was to die in that step.
    fn look_around(&mut self) {
        let new: Vec<CallId> =
            self.host.calls.keys().copied().filter(|call| *call > self.last_call).collect();
        for call in new {
            self.last_call = call;
            self.schedule(1, Event::Arrive(call));
        }
        while self.disk_turns < self.host.disk.pending() {
            self.disk_turns += 1;
            let turn = self.disk.pop_front().unwrap_or(DiskTurn::Stores { after: 1, all: false });
            let (DiskTurn::Stores { after, .. } | DiskTurn::Fails { after, .. }) = turn;
            self.schedule(u64::from(after), Event::Disk(turn));
        }
        let hellos = self.judge.look(&self.host, &self.relay);
        self.host.answered.clear();
        for (exchange, agent) in hellos {
            let known = &self.host.exchanges[&exchange];
            match known.status {
                200 => self.sessions[agent] = known.header("mcp-session-id").map(String::from),
                _ => self.sessions[agent] = None,
            }
        }
        if self.host.is_dead {
            self.reopen();
        }
    }

    fn happen(&mut self, event: Event) {
        self.disk_turns -= usize::from(matches!(event, Event::Disk(_)));
        match event {
            Event::Act(act) => self.act(act),
            Event::Arrive(call) => self.arrive(call),
            Event::Do(call, request) => self.do_late(call, &request),
            Event::Head(call, answering) => self.begin_to_answer(call, answering),
            Event::Body(call, answering) => self.answer(call, answering),
            Event::Fail(call) => self.host.fail(call, Sent::Unknown, "connection reset"),
            Event::Disk(turn) => self.write_disk(turn),
            Event::Reopen(clock) => self.end(clock),
        }
    }

    fn write_disk(&mut self, turn: DiskTurn) {
        let count = |all| if all { usize::MAX } else { 1 };
        match turn {
            DiskTurn::Stores { all, .. } if self.host.now >= self.full_until => self.host.store(count(all)),
            DiskTurn::Fails { all, .. } | DiskTurn::Stores { all, .. } => {
                self.judge.lost_a_batch();
                self.host.lose(count(all));
            }
        }
    }

    /// The exchanges, other than event streams, that had no last action.
    pub fn unanswered(&self) -> Vec<ExchangeId> {
        let open = self.judge.open();
        open.filter(|exchange| self.judge.kind(*exchange) != Asked::Stream).collect()
    }
}
