//! What agents may see, what they saw, and what they must be told, as anyone would note it down.

use std::collections::BTreeMap;

/// A tool: its number, and the version of its definition. Tools with even numbers need a worktree.
pub(crate) type Tools = Vec<(u8, u8)>;

pub(crate) const VIEWERS: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The relay's menu becomes this one.
    Relay(Tools),
    /// The relay goes away, or comes back and is noticed.
    Away(bool),
    List(usize),
    Open(usize),
    Close(usize),
    Context(bool),
    Refresh,
    Restart,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) relay: Tools,
    pub(crate) is_away: bool,
    is_isolated: bool,
    /// The menu as the proxy last got it.
    known: Option<Tools>,
    /// What viewers saw; for those that never looked, what there was to be seen when they began to listen.
    seen: BTreeMap<usize, Tools>,
    /// What a viewer was told of since it looked.
    told: BTreeMap<usize, Tools>,
    /// How often the open stream of each viewer was told.
    pub(crate) streams: BTreeMap<usize, usize>,
    /// What the last list showed.
    pub(crate) shown: Option<Tools>,
}

impl Model {
    pub(crate) fn visible(&self) -> Tools {
        let known = self.known.iter().flatten().copied();
        known.filter(|(name, _)| name % 2 == 1 || self.is_isolated).collect()
    }

    pub(crate) fn can(&self, transition: &Transition) -> bool {
        match transition {
            Transition::Open(viewer) => !self.streams.contains_key(viewer),
            Transition::Close(viewer) => self.streams.contains_key(viewer),
            Transition::Away(is_away) => self.is_away != *is_away,
            Transition::Relay(_)
            | Transition::List(_)
            | Transition::Context(_)
            | Transition::Refresh
            | Transition::Restart => true,
        }
    }

    pub(crate) fn apply(&mut self, transition: &Transition) {
        self.shown = None;
        match transition {
            Transition::Relay(tools) => self.relay = tools.clone(),
            Transition::Away(is_away) => {
                self.is_away = *is_away;
                if !is_away && (self.known.is_some() || !self.seen.is_empty()) {
                    self.fetch();
                }
            }
            Transition::List(viewer) => {
                if !self.is_away {
                    self.known = Some(self.relay.clone());
                }
                self.seen.insert(*viewer, self.visible());
                self.told.remove(viewer);
                self.shown = Some(self.visible());
            }
            Transition::Open(viewer) => {
                self.streams.insert(*viewer, 0);
                // Nobody knows whether the stream before carried what it was given.
                self.told.remove(viewer);
                if self.known.is_some() {
                    let visible = self.visible();
                    self.seen.entry(*viewer).or_insert(visible);
                }
            }
            Transition::Close(viewer) => {
                self.streams.remove(viewer);
            }
            Transition::Context(value) => self.is_isolated = *value,
            Transition::Refresh => self.fetch(),
            Transition::Restart => {
                self.is_isolated = false;
                self.told.clear();
                self.streams.clear();
            }
        }
        self.tell();
    }

    fn fetch(&mut self) {
        if !self.is_away {
            self.known = Some(self.relay.clone());
        }
    }

    /// Whoever listens and does not see what it saw is told, once.
    fn tell(&mut self) {
        if self.known.is_none() {
            return;
        }
        let now = self.visible();
        for (viewer, count) in &mut self.streams {
            if self.seen.get(viewer).is_some_and(|seen| *seen != now) && self.told.get(viewer) != Some(&now) {
                *count += 1;
                self.told.insert(*viewer, now.clone());
            }
        }
        for (viewer, seen) in &self.seen {
            if *seen == now {
                self.told.remove(viewer);
            }
        }
    }
}
