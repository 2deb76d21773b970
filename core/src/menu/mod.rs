//! The menu (B-4): what the relay last returned, what of it the agent may see, and what it last saw.

mod fetch;
mod listing;
mod narrow;
mod page;
mod record;
mod view;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::map::Map;
use crate::mcp::Era;

pub(crate) use listing::divided;
pub use narrow::Rules;
pub use page::{Page, Tool};
pub(crate) use record::{recovered, view_recovered};
use view::View;

/// All that is known of menus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Menus {
    legacy: Menu,
    modern: Menu,
    /// The era of the menu that changed last.
    latest: Option<Era>,
    /// What was last shown, by viewer: a legacy session, legacy agents without one, modern agents.
    views: Map<Viewer, View>,
    fetch: fetch::Fetch,
}

/// The relay's menu as one era's requests see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Menu {
    /// The pages in their order, from the first; nothing where the menu is not known.
    pages: Vec<Arc<Page>>,
    /// How the agent asks for it, so that the proxy can ask in its place (B-4.7).
    lister: Option<Lister>,
}

/// How a `tools/list` is asked in the agent's place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Lister {
    /// In this legacy session, or in none.
    Legacy(Option<String>),
    /// With this `_meta`, a JSON text, and these headers.
    Modern(String, Vec<crate::headers::Header>),
}

/// Who looks at the menu.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Viewer {
    /// A legacy agent, by its session if it has one.
    Legacy(Option<String>),
    /// The modern agent; its requests stand alone.
    Modern,
}

impl Viewer {
    fn era(&self) -> Era {
        match self {
            Self::Legacy(_) => Era::Legacy,
            Self::Modern => Era::Modern,
        }
    }
}

impl Menu {
    pub(crate) fn is_known(&self) -> bool {
        !self.pages.is_empty()
    }

    /// Whether every page is known.
    fn is_complete(&self) -> bool {
        self.pages.last().is_some_and(|page| page.next.is_none())
    }

    pub(crate) fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.pages.iter().flat_map(|page| &page.tools)
    }

    /// Takes a page in: the first begins the menu, another follows the page that names its cursor. Later
    /// pages stay while the page before them leads to them. Whether anything changed.
    fn take(&mut self, page: Arc<Page>) -> bool {
        let at = match &page.cursor {
            None => Some(0),
            Some(cursor) => {
                self.pages.iter().position(|known| known.next.as_ref() == Some(cursor)).map(|at| at + 1)
            }
        };
        let Some(at) = at else { return false };
        if let Some(known) = self.pages.get_mut(at).filter(|known| **known == page) {
            // It may be said in another way.
            *known = page;
            return false;
        }
        let leads_on = self.pages.get(at).is_some_and(|known| known.next == page.next);
        self.pages.truncate(if leads_on { self.pages.len() } else { at });
        match self.pages.get_mut(at) {
            Some(known) => *known = page,
            None => self.pages.push(page),
        }
        true
    }

    /// The page that was asked for with this cursor.
    fn page(&self, cursor: Option<&str>) -> Option<&Arc<Page>> {
        self.pages.iter().find(|page| page.cursor.as_deref() == cursor)
    }

    /// The tools from this cursor on; nothing where no page has it.
    fn tools_from(&self, cursor: Option<&str>) -> Option<impl Iterator<Item = &Tool>> {
        let at = self.pages.iter().position(|page| page.cursor.as_deref() == cursor)?;
        Some(self.pages[at..].iter().flat_map(|page| &page.tools))
    }
}

impl Menus {
    fn of(&self, era: Era) -> &Menu {
        match era {
            Era::Legacy => &self.legacy,
            Era::Modern => &self.modern,
        }
    }

    fn of_mut(&mut self, era: Era) -> &mut Menu {
        match era {
            Era::Legacy => &mut self.legacy,
            Era::Modern => &mut self.modern,
        }
    }

    /// The menu for an era; where that is not known, the other's: it is the same relay.
    pub(crate) fn best(&self, era: Era) -> &Menu {
        let other = match era {
            Era::Legacy => &self.modern,
            Era::Modern => &self.legacy,
        };
        if self.of(era).is_known() { self.of(era) } else { other }
    }

    /// The menu that changed last, for the status.
    pub(crate) fn latest(&self) -> &Menu {
        self.best(self.latest.unwrap_or(Era::Legacy))
    }

    /// A tool's definition, as an object's text.
    pub(crate) fn definition(&self, era: Era, tool: &str) -> Option<&Tool> {
        self.best(era).tools().find(|known| known.name == tool)
    }

    /// Forgets what a session saw.
    pub(crate) fn forget_view(&mut self, session: &str) {
        self.views.remove(&Viewer::Legacy(Some(session.into())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(cursor: Option<&str>, next: Option<&str>, tool: &str) -> Arc<Page> {
        let (config, context) = Default::default();
        let tool = Tool::new(tool.into(), "{}".into(), &Rules::new(&config, &context));
        let [cursor, next] = [cursor, next].map(|cursor| cursor.map(String::from));
        Arc::new(Page::recovered(cursor, next, alloc::vec![tool]))
    }

    fn names(menu: &Menu) -> Vec<&str> {
        menu.tools().map(|tool| tool.name.as_str()).collect()
    }

    #[test]
    fn b_4_4_pages_are_kept_in_their_order_and_an_empty_cursor_is_one() {
        let mut menu = Menu::default();
        assert!(menu.take(page(None, Some(""), "a")));
        assert!(menu.take(page(Some(""), Some("2"), "b")));
        assert!(menu.take(page(Some("2"), None, "c")));
        assert!(!menu.take(page(Some("elsewhere"), None, "x")));
        assert_eq!(names(&menu), ["a", "b", "c"]);
        assert!(menu.is_complete());
        assert!(menu.take(page(None, Some(""), "A")));
        assert_eq!(names(&menu), ["A", "b", "c"]);
        assert!(menu.take(page(None, None, "A")));
        assert_eq!(names(&menu), ["A"]);
    }
}
