//! The outbox as anyone would draw it: live writes in a row, a queue behind them, dead letters in between.

use std::collections::VecDeque;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// A write under a key of its own.
    Write,
    /// One of the earlier keys once more.
    Repeat(usize),
    /// What becomes of the write that is before the relay.
    Outcome(Outcome),
    /// The disk takes all that it was given, or nothing of it.
    Disk(bool),
    /// Time passes until the queue is tried again.
    Wait,
    Token,
    Retry(usize),
    Discard(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Away,
    Rejected,
    Unauthorized,
    Busy,
}

/// What became of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waits,
    Receipt,
    Answer,
    NotStored,
}

#[derive(Clone, Debug)]
struct Live {
    key: usize,
    askers: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Item {
    key: usize,
    /// Its place in the order of all writes; a key that is queued again has another one.
    place: usize,
    is_dead: bool,
    is_durable: bool,
    was_dead: bool,
    askers: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) keys: usize,
    pub(crate) fates: Vec<Fate>,
    flying: Option<Live>,
    lane: VecDeque<Live>,
    items: Vec<Item>,
    places: usize,
    /// Key and place of the write that is being delivered.
    carrying: Option<(usize, usize)>,
    waits: bool,
    paused: bool,
}

impl Model {
    /// Every write in the outbox: its key, and whether it is dead.
    pub(crate) fn writes(&self) -> Vec<(usize, bool)> {
        self.items.iter().map(|item| (item.key, item.is_dead)).collect()
    }

    /// The key of the write that is before the relay.
    pub(crate) fn before_relay(&self) -> Option<usize> {
        self.flying.as_ref().map(|live| live.key).or(self.carrying.map(|(key, _)| key))
    }

    pub(crate) fn can(&self, transition: &Transition) -> bool {
        match transition {
            Transition::Write | Transition::Disk(_) | Transition::Token => true,
            Transition::Repeat(which) => *which < self.keys,
            Transition::Outcome(_) => self.before_relay().is_some(),
            Transition::Wait => {
                let head = self.items.iter().find(|item| !item.is_dead);
                self.waits && self.before_relay().is_none() && head.is_some_and(|head| head.is_durable)
            }
            Transition::Retry(which) | Transition::Discard(which) => *which < self.items.len(),
        }
    }

    pub(crate) fn apply(&mut self, transition: &Transition) {
        match transition {
            Transition::Write => {
                self.keys += 1;
                self.ask(self.keys - 1);
            }
            Transition::Repeat(key) => self.ask(*key),
            Transition::Outcome(outcome) => match self.flying.take() {
                Some(live) => self.land(live, *outcome),
                None => self.judge(*outcome),
            },
            Transition::Disk(true) => self.stored(),
            Transition::Disk(false) => self.lost(),
            Transition::Wait => {
                self.waits = false;
                self.deliver();
            }
            Transition::Token => {
                if std::mem::take(&mut self.paused) {
                    self.waits = false;
                    self.deliver();
                }
            }
            Transition::Retry(which) if self.items[*which].is_dead => self.queue_again(*which, None),
            Transition::Retry(_) => {
                self.waits = false;
                self.deliver();
            }
            Transition::Discard(which) if !self.items[*which].is_durable => {}
            Transition::Discard(which) => {
                self.items.remove(*which);
                self.go_on();
            }
        }
    }

    fn ask(&mut self, key: usize) {
        let asker = self.fates.len();
        self.fates.push(Fate::Waits);
        let mut live = self.flying.iter_mut().chain(&mut self.lane);
        if let Some(live) = live.find(|live| live.key == key) {
            return live.askers.push(asker);
        }
        let known = self.items.iter().position(|item| item.key == key);
        if known.is_some_and(|at| !self.items[at].is_dead) {
            return self.queue(Live { key, askers: vec![asker] });
        }
        self.lane.push_back(Live { key, askers: vec![asker] });
        self.go_on();
    }

    /// The live write that was before the relay has come to its end.
    fn land(&mut self, live: Live, outcome: Outcome) {
        match outcome {
            // It says when to come again.
            Outcome::Away => {
                self.queue(live);
                self.waits |= self.items.iter().any(|item| !item.is_dead);
            }
            Outcome::Done | Outcome::Rejected | Outcome::Unauthorized | Outcome::Busy => {
                self.tell(&live.askers, Fate::Answer);
            }
        }
        self.go_on();
    }

    /// The relay answered a delivery, or did not.
    fn judge(&mut self, outcome: Outcome) {
        let (_, place) = self.carrying.take().unwrap();
        let at = self.items.iter().position(|item| item.place == place);
        match outcome {
            // It was discarded while it was before the relay.
            Outcome::Away | Outcome::Busy | Outcome::Unauthorized if at.is_none() => {}
            Outcome::Done => {
                at.map(|at| self.items.remove(at));
                self.paused = false;
            }
            Outcome::Rejected => {
                at.into_iter().for_each(|at| self.items[at].is_dead = true);
                self.paused = false;
            }
            Outcome::Away | Outcome::Busy => self.waits = true,
            Outcome::Unauthorized => (self.waits, self.paused) = (true, true),
        }
        self.go_on();
    }

    fn queue(&mut self, live: Live) {
        match self.items.iter().position(|item| item.key == live.key) {
            None => self.push(Item {
                key: live.key,
                place: 0,
                is_dead: false,
                is_durable: false,
                was_dead: false,
                askers: live.askers,
            }),
            Some(at) => live.askers.into_iter().for_each(|asker| self.ask_for(at, live.key, asker)),
        }
    }

    fn ask_for(&mut self, at: usize, key: usize, asker: usize) {
        let at = self.items.iter().position(|item| item.key == key).unwrap_or(at);
        if self.items[at].is_dead {
            self.queue_again(at, Some(asker));
        } else if self.items[at].is_durable {
            self.tell(&[asker], Fate::Receipt);
        } else {
            self.items[at].askers.push(asker);
        }
    }

    fn queue_again(&mut self, at: usize, asker: Option<usize>) {
        let dead = self.items.remove(at);
        let askers = asker.into_iter().collect();
        self.push(Item { is_dead: false, is_durable: false, was_dead: true, askers, ..dead });
    }

    /// Gives an item its place, behind all others.
    fn push(&mut self, item: Item) {
        self.places += 1;
        self.items.push(Item { place: self.places, ..item });
    }

    fn stored(&mut self) {
        for at in 0..self.items.len() {
            let item = &mut self.items[at];
            item.is_durable = true;
            item.was_dead = false;
            let askers = std::mem::take(&mut item.askers);
            self.tell(&askers, Fate::Receipt);
        }
        self.deliver();
    }

    fn lost(&mut self) {
        for mut item in std::mem::take(&mut self.items) {
            if !item.is_durable {
                let askers = std::mem::take(&mut item.askers);
                self.tell(&askers, Fate::NotStored);
                (item.is_dead, item.is_durable) = (true, true);
                if !item.was_dead {
                    continue;
                }
            }
            self.items.push(item);
        }
        self.go_on();
    }

    /// Sends the next live write, or what is queued.
    fn go_on(&mut self) {
        while self.flying.is_none()
            && let Some(live) = self.lane.pop_front()
        {
            let has_backlog = self.items.iter().any(|item| !item.is_dead);
            if has_backlog || self.items.iter().any(|item| item.key == live.key) {
                self.queue(live);
            } else if self.carrying.is_some() {
                self.lane.push_front(live);
                break;
            } else {
                self.flying = Some(live);
            }
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        let is_busy = self.flying.is_some() || self.carrying.is_some() || self.waits;
        let head = self.items.iter().find(|item| !item.is_dead);
        if let Some(head) = head.filter(|head| !is_busy && head.is_durable) {
            self.carrying = Some((head.key, head.place));
        }
    }

    fn tell(&mut self, askers: &[usize], fate: Fate) {
        askers.iter().for_each(|asker| self.fates[*asker] = fate);
    }
}
