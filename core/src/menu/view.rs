//! What the agent last saw, and when to tell it that this is not what it may see now (B-4.6, B-7.3).

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::page::{Tool, visible};
use super::{Menu, Rules, Viewer};
use crate::ids::{ExchangeId, Ticket};
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::record::{Change, Record, RecordKey, RecordKind};

/// What one viewer last saw: a fingerprint of each definition, in order, so that names, order and every part
/// of a definition count.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    seen: Vec<u64>,
    /// The cursor of the page that it did not ask for yet.
    more: Option<String>,
    /// The menu that it was last told of, while that is not what it saw.
    #[serde(skip)]
    told: Option<Vec<u64>>,
    /// What it saw last is in an answer that waits for this ticket: what changes meanwhile is told after it.
    #[serde(skip)]
    unsent: Option<(Ticket, ExchangeId)>,
    /// The agent left before it saw that: whatever the menu is, it is news.
    #[serde(default)]
    is_doubtful: bool,
}

impl View {
    /// The viewer was shown these definitions in answer to this cursor.
    fn show(&mut self, cursor: Option<&str>, next: Option<&str>, shown: Vec<u64>) {
        if cursor.is_none() {
            self.seen = shown;
        } else if self.more.as_deref() == cursor {
            self.seen.extend(shown);
        } else {
            return;
        }
        self.more = next.map(String::from);
        self.told = None;
        self.is_doubtful = false;
    }

    /// Whether what may be seen now is no longer what was seen. Where one of the two is known in part only,
    /// the common part decides.
    fn differs(&self, now: &[u64], is_complete: bool) -> bool {
        if self.is_doubtful {
            return true;
        }
        if is_complete && self.more.is_none() {
            return self.seen != now;
        }
        let common = self.seen.len().min(now.len());
        self.seen[..common] != now[..common]
    }
}

/// The fingerprints of what may be seen of a menu.
fn seen_of(menu: &Menu, rules: &Rules<'_>) -> Vec<u64> {
    prints(&visible(&mut menu.tools(), rules))
}

/// The fingerprints of these tools.
pub(super) fn prints(tools: &[&Tool]) -> Vec<u64> {
    tools.iter().map(|tool| tool.print).collect()
}

/// 64 bits that tell one text from another: the same in every build, since they are stored. Eight bytes at a
/// time, as a multiply and a fold each, since every definition of every answer is read.
pub(super) fn fingerprint(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    words.fold(text.len() as u64, |hash, word| {
        let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ hash >> 32
    })
}

pub(crate) fn view_key(viewer: &Viewer) -> RecordKey {
    let id = match viewer {
        Viewer::Modern => String::from("modern"),
        Viewer::Legacy(None) => String::from("legacy"),
        Viewer::Legacy(Some(session)) => alloc::format!("session {session}"),
    };
    RecordKey { kind: RecordKind::View, id }
}

/// The viewer that a record's name stands for.
pub(crate) fn viewer_of(id: &str) -> Option<Viewer> {
    match id {
        "modern" => Some(Viewer::Modern),
        "legacy" => Some(Viewer::Legacy(None)),
        id => id.strip_prefix("session ").map(|session| Viewer::Legacy(Some(session.into()))),
    }
}

impl Proxy {
    /// The viewer was shown the definitions with these fingerprints.
    pub(super) fn saw(&mut self, viewer: &Viewer, cursor: Option<&str>, next: Option<&str>, shown: Vec<u64>) {
        let before = self.menus.views.get(viewer);
        let mut view = before.cloned().unwrap_or_default();
        view.show(cursor, next, shown);
        // Behind an answer that has not left yet this one waits too, so that they are seen in order.
        let waits = view.unsent.is_some();
        let is_news = before
            .is_none_or(|before| before.seen != view.seen || before.more != view.more || before.is_doubtful);
        self.menus.views.insert(viewer.clone(), view);
        if waits || is_news {
            self.store_view(viewer);
        }
    }

    /// The answer that shows what this viewer saw is the next to leave.
    pub(super) fn show_in_order(&mut self, viewer: &Viewer, exchange: ExchangeId) {
        if let Some(view) = self.menus.views.get_mut(viewer) {
            view.unsent = self.ahead.ticket_of_answer().map(|ticket| (ticket, exchange));
        }
    }

    /// The agent left before the answer to this exchange did.
    pub(crate) fn on_not_shown(&mut self, exchange: ExchangeId) {
        let unseen = |view: &View| view.unsent.is_some_and(|(_, of)| of == exchange);
        let viewer = self.menus.views.iter().find(|(_, view)| unseen(view)).map(|(viewer, _)| viewer.clone());
        let Some(viewer) = viewer else { return };
        if let Some(view) = self.menus.views.get_mut(&viewer) {
            view.unsent = None;
            view.is_doubtful = true;
        }
        self.store_view(&viewer);
        self.tell_changes();
    }

    /// All answers that waited for this ticket have left.
    pub(crate) fn on_shown(&mut self, through: Ticket) {
        let mut is_any = false;
        for view in self.menus.views.values_mut() {
            let is_sent = view.unsent.is_some_and(|(ticket, _)| ticket <= through);
            if is_sent {
                view.unsent = None;
                is_any = true;
            }
        }
        if is_any {
            self.tell_changes();
        }
    }

    /// A stream opened. A viewer that saw nothing yet hears of changes from here on; one that was told of a
    /// change and did not look is told again, since nobody knows whether the last stream carried it.
    pub(crate) fn begin_view(&mut self, viewer: &Viewer) {
        if let Some(view) = self.menus.views.get_mut(viewer) {
            view.told = None;
            return;
        }
        let menu = self.menus.best(viewer.era());
        if menu.is_known() {
            let seen = seen_of(menu, &Rules::new(&self.config, &self.context));
            self.menus.views.insert(viewer.clone(), View { seen, ..View::default() });
            self.store_view(viewer);
        }
    }

    /// Tells every viewer whose stream is open and whose menu has changed since it last looked, once.
    pub(crate) fn tell_changes(&mut self) {
        let rules = Rules::new(&self.config, &self.context);
        let mut changed = Vec::new();
        for (viewer, view) in self.menus.views.iter() {
            let menu = self.menus.best(viewer.era());
            if !menu.is_known() || view.unsent.is_some() {
                continue;
            }
            let now = seen_of(menu, &rules);
            if view.differs(&now, menu.is_complete()) && view.told.as_ref() != Some(&now) {
                changed.push((viewer.clone(), Some(now)));
            } else if view.told.is_some() && !view.differs(&now, menu.is_complete()) {
                changed.push((viewer.clone(), None));
            }
        }
        let mut streams = 0;
        for (viewer, now) in changed {
            let told = if now.is_some() { self.tell_streams(&viewer) } else { 0 };
            streams += told;
            if let Some(view) = self.menus.views.get_mut(&viewer).filter(|_| now.is_none() || told > 0) {
                view.told = now;
            }
        }
        if streams > 0 {
            self.observe(Observation::MenuChanged { streams });
        }
    }

    fn store_view(&mut self, viewer: &Viewer) {
        let Some(view) = self.menus.views.get(viewer) else { return };
        let Ok(value) = serde_json::to_vec(view) else { return };
        self.ahead.append(Change::Put(Record { key: view_key(viewer), value: Bytes::from(value) }));
    }

    /// Forgets the stored view of a session that has ended.
    pub(crate) fn remove_record_of_view(&mut self, session: &str) {
        self.ahead.append(Change::Remove(view_key(&Viewer::Legacy(Some(session.into())))));
    }
}
