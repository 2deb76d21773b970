//! The proxy's own fetch of the menu (B-4.7): all pages, with the live token, in the agent's place.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::listing::list_params;
use super::{Lister, Menu};
use crate::call::{Answered, Errand, Purpose};
use crate::headers::HeaderEdit;
use crate::ids::CommandId;
use crate::mcp::Era;
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::status::{Reply, Why};
use crate::time::doubled;

/// A relay that never ends its list is not followed for ever.
const MOST_PAGES: usize = 1000;

/// The wait before a refused menu is fetched again; doubled each time, up to the configured bound.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The fetch under way, and who waits for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetch {
    /// The menus still to fetch, the one under way first.
    eras: Vec<Era>,
    /// The pages that have come.
    pages: Menu,
    cursor: Option<String>,
    waiting: Vec<CommandId>,
    /// The menu changed while it was fetched.
    is_stale: bool,
    /// Fetches in a row that the relay refused.
    failures: u32,
    failure: Option<String>,
}

impl Proxy {
    /// Fetches the menu for the runner; several at once make one fetch.
    pub(crate) fn refresh(&mut self, command: CommandId) {
        self.menus.fetch.waiting.push(command);
        self.begin_fetch();
    }

    /// The relay is back: the menus that the agent knows are fetched again (B-4.6).
    pub(crate) fn fetch_known_menus(&mut self) {
        if self.draining {
            return;
        }
        if !self.menus.views.is_empty() || self.menus.latest().is_known() {
            self.begin_fetch();
        }
    }

    /// The relay said that its menu has changed: what a fetch under way brings may be the old one.
    pub(crate) fn fetch_menus_anew(&mut self) {
        self.menus.fetch.is_stale = !self.menus.fetch.eras.is_empty();
        self.fetch_known_menus();
    }

    /// The relay was not heard for a while, though it may never have been away for anybody who asked: its menu
    /// may have changed meanwhile.
    pub(crate) fn fetch_after_gap(&mut self, wait: Duration) {
        match self.menus.fetch.eras.is_empty() {
            true => self.timers.set_at_latest(Why::Menu, self.now + wait),
            false => self.menus.fetch.is_stale = true,
        }
    }

    /// A list did not come from a relay that is there all the same, or the relay forgot a session, as one that was
    /// started again: what its menu is now is not known before it is fetched.
    pub(crate) fn fetch_what_was_missed(&mut self) {
        if !self.relay.is_down() {
            self.timers.set_at_latest(Why::Menu, self.now + FIRST_RETRY);
        }
    }

    /// There is another token: a menu that the relay refused the last one is fetched at once.
    pub(crate) fn hurry_fetch(&mut self) {
        if self.timers.is_set(Why::Menu) {
            self.timers.clear(Why::Menu);
            self.fetch_known_menus();
        }
    }

    /// A relay that answers and does not give its menu is asked again, so that the menu converges (B-9.10). One
    /// that is away is asked when it is back.
    fn settle_fetch(&mut self, is_failed: bool) {
        if !is_failed || self.relay.is_down() || self.draining {
            self.menus.fetch.failures = 0;
            return self.timers.clear(Why::Menu);
        }
        let wait = doubled(FIRST_RETRY, self.menus.fetch.failures).min(self.config.paused_retry);
        self.menus.fetch.failures = self.menus.fetch.failures.saturating_add(1);
        self.timers.set(Why::Menu, self.now + wait);
    }

    fn begin_fetch(&mut self) {
        if !self.menus.fetch.eras.is_empty() {
            return;
        }
        let asked = |era: &Era| self.menus.of(*era).lister.is_some();
        let mut eras: Vec<Era> = [Era::Legacy, Era::Modern].into_iter().filter(asked).collect();
        if eras.is_empty() {
            eras.push(Era::Legacy);
        }
        self.menus.fetch.eras = eras;
        self.menus.fetch.failure = None;
        self.fetch_page();
    }

    fn fetch_page(&mut self) {
        let Some(era) = self.menus.fetch.eras.first().copied() else { return self.end_fetch() };
        let cursor = self.menus.fetch.cursor.as_deref();
        let list = |meta| Errand::own_request(Purpose::Fetch, "tools/list", list_params(meta, cursor));
        let errand = match &self.menus.of(era).lister {
            Some(Lister::Modern(meta, headers)) => {
                let mut errand = list(Some(meta.as_str()));
                errand.edits = headers.iter().cloned().map(HeaderEdit::Set).collect();
                errand
            }
            Some(Lister::Legacy(session)) => {
                let session = session.clone().filter(|session| self.sessions.is_live(session));
                list(None).in_session(session.or_else(|| self.sessions.latest()))
            }
            None => list(None).in_session(self.sessions.latest()),
        };
        self.send(errand);
    }

    pub(crate) fn on_fetched(&mut self, status: u16, answered: &Answered) {
        let body = match answered {
            Answered::Whole(body) => body,
            Answered::TooLarge => {
                return self.on_fetch_failed("the relay's answer is larger than the proxy reads");
            }
        };
        let Some(era) = self.menus.fetch.eras.first().copied() else { return };
        let cursor = self.menus.fetch.cursor.take();
        let Some((response, page)) = self.page_of(era, cursor.as_deref(), body) else {
            return self.on_fetch_failed(&format!("the relay answered with HTTP status {status}"));
        };
        let Some(page) = page else {
            let said = response.error_message().unwrap_or_else(|| "a result without tools".to_string());
            return self.on_fetch_failed(&format!("the relay answered tools/list with: {said}"));
        };
        let next = page.next.clone();
        let fetch = &mut self.menus.fetch;
        fetch.pages.take(page);
        let is_known =
            |cursor: &String| fetch.pages.pages.iter().any(|page| page.cursor.as_ref() == Some(cursor));
        fetch.cursor = next.filter(|next| !is_known(next) && fetch.pages.pages.len() < MOST_PAGES);
        if fetch.cursor.is_none() {
            self.take_fetched();
        }
        self.fetch_page();
    }

    /// All pages of an era have come: they are its menu.
    fn take_fetched(&mut self) {
        let pages = core::mem::take(&mut self.menus.fetch.pages).pages;
        let era = self.menus.fetch.eras.remove(0);
        if era == Era::Modern && self.menus.of(era).lister.is_none() {
            // Forgotten meanwhile: a relay that is not modern any more may answer a list of that era all the same.
            return;
        }
        self.relay.speaks(era);
        let known = core::mem::replace(&mut self.menus.of_mut(era).pages, pages);
        if self.menus.of(era).pages != known {
            self.menus.latest = Some(era);
            self.store_menu(era);
        }
        // A menu that nobody asked for in its era is not fetched again beside one that somebody did: it would grow
        // old, where this one, being the same relay's, does not.
        let other = match era {
            Era::Legacy => Era::Modern,
            Era::Modern => Era::Legacy,
        };
        if self.menus.of(other).lister.is_none() {
            self.forget_menu(other);
        }
    }

    /// A page did not come: that era's last-known list stays.
    pub(crate) fn on_fetch_failed(&mut self, reason: &str) {
        self.observe(Observation::RefreshFailed { reason: reason.into() });
        let fetch = &mut self.menus.fetch;
        fetch.failure = Some(reason.into());
        fetch.pages = Menu::default();
        fetch.cursor = None;
        if !fetch.eras.is_empty() {
            fetch.eras.remove(0);
        }
        self.fetch_page();
    }

    fn end_fetch(&mut self) {
        self.settle_fetch(self.menus.fetch.failure.is_some());
        let reply = match self.menus.fetch.failure.take() {
            None => Reply::Done,
            Some(reason) => {
                Reply::Refused(format!("the menu could not be fetched, the last one stays: {reason}"))
            }
        };
        for command in core::mem::take(&mut self.menus.fetch.waiting) {
            self.reply(command, reply.clone());
        }
        self.tell_changes();
        if core::mem::take(&mut self.menus.fetch.is_stale) {
            self.begin_fetch();
        }
    }
}
