//! Menus as they are stored (B-4.4).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::page::{Page, Tool};
use super::view::{View, viewer_of};
use super::{Lister, Menu, Rules};
use crate::headers::repeated;
use crate::jsonrpc::quoted;
use crate::mcp::Era;
use crate::proxy::Proxy;
use crate::record::{Change, Record, RecordKey, RecordKind};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MenuRecord {
    lister: Option<Lister>,
    pages: Vec<PageRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PageRecord {
    cursor: Option<String>,
    next: Option<String>,
    tools: Vec<ToolRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ToolRecord {
    name: String,
    definition: Box<RawValue>,
}

impl Proxy {
    pub(super) fn store_menu(&mut self, era: Era) {
        let value = Bytes::from(record_of(self.menus.of(era)));
        self.ahead.append(Change::Put(Record { key: menu_key(era), value }));
    }

    /// The relay does not speak this era any more: there is no such menu.
    pub(crate) fn forget_menu(&mut self, era: Era) {
        let known = core::mem::take(self.menus.of_mut(era));
        if known != Menu::default() {
            self.ahead.append(Change::Remove(menu_key(era)));
        }
    }
}

fn menu_key(era: Era) -> RecordKey {
    RecordKey { kind: RecordKind::Menu, id: era.name().into() }
}

/// The text of a [`MenuRecord`]. Put together from texts: a definition is JSON as it stands.
fn record_of(menu: &Menu) -> String {
    let lister = serde_json::to_string(&menu.lister).unwrap_or_else(|_| "null".into());
    let pages: Vec<String> = menu.pages.iter().map(|page| record_of_page(page)).collect();
    format!(r#"{{"lister":{lister},"pages":[{}]}}"#, pages.join(","))
}

fn record_of_page(page: &Page) -> String {
    let cursor = |cursor: &Option<String>| cursor.as_deref().map_or_else(|| "null".into(), quoted);
    let mut text = format!(r#"{{"cursor":{},"next":{},"tools":["#, cursor(&page.cursor), cursor(&page.next));
    for (at, tool) in page.tools.iter().enumerate() {
        text.push_str(if at == 0 { r#"{"name":"# } else { r#",{"name":"# });
        text.push_str(&quoted(&tool.name));
        text.push_str(r#","definition":"#);
        text.push_str(tool.text());
        text.push('}');
    }
    text.push_str("]}");
    text
}

/// Takes a menu back from its record.
pub(crate) fn recovered(proxy: &mut Proxy, era: Era, value: &str) -> Result<(), serde_json::Error> {
    let record: MenuRecord = serde_json::from_str(value)?;
    let rules = Rules::new(&proxy.config, &proxy.context);
    let pages = record.pages.into_iter().map(|record| Arc::new(page(record, &rules))).collect();
    let menu = proxy.menus.of_mut(era);
    let lister = record.lister.map(|lister| match lister {
        Lister::Modern(meta, headers) => Lister::Modern(meta, repeated(&headers)),
        Lister::Legacy(session) => Lister::Legacy(session),
    });
    (menu.lister, menu.pages) = (lister, pages);
    proxy.relay.speaks(era);
    proxy.menus.latest = proxy.menus.latest.or(Some(era));
    Ok(())
}

fn page(record: PageRecord, rules: &Rules<'_>) -> Page {
    let tools = record.tools.into_iter();
    let tools = tools.map(|tool| {
        let text = Bytes::from(String::from(Box::<str>::from(tool.definition)));
        Tool::new(tool.name, text, rules)
    });
    Page::recovered(record.cursor, record.next, tools.collect())
}

/// Takes back what a viewer last saw.
pub(crate) fn view_recovered(proxy: &mut Proxy, id: &str, value: &str) -> Result<bool, serde_json::Error> {
    let view: View = serde_json::from_str(value)?;
    let Some(viewer) = viewer_of(id) else { return Ok(false) };
    proxy.menus.views.insert(viewer, view);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::headers::Header;
    use crate::time::Timestamp;

    #[test]
    fn b_4_4_a_menu_comes_back_as_it_was() {
        let config = Config::default();
        let rules = Rules::new(&config, &config.context);
        let tool = |name: &str, text: &'static str| Tool::new(name.into(), Bytes::from(text), &rules);
        let tools =
            alloc::vec![tool("a \"b\"", r#"{ "name":"a \"b\"" }"#), tool("c", r#"{"name":"c","x":1.0}"#)];
        let next = Some(String::from("\"2\""));
        let first = Page::recovered(None, next.clone(), tools);
        let second = Page::recovered(next, None, Vec::new());
        let lister = Some(Lister::Legacy(Some("s".into())));
        let menu = Menu { pages: [first, second].map(Arc::new).into(), lister };

        let record: MenuRecord = serde_json::from_str(&record_of(&menu)).unwrap();
        let pages = record.pages.into_iter().map(|record| Arc::new(page(record, &rules))).collect();
        assert_eq!(Menu { pages, lister: record.lister }, menu);
    }

    #[test]
    fn b_2_1_a_menu_is_fetched_with_no_header_that_stays_here_whatever_is_stored() {
        let headers = |names: &[&'static str]| names.iter().map(|name| Header::new(*name, "x")).collect();
        let asked = |names| Some(Lister::Modern("{}".into(), headers(names)));
        let stored =
            Menu { lister: asked(&["mcp-param-region", "cookie", "content-type"]), ..Menu::default() };
        let mut proxy = Proxy::open(Config::default(), [1; 32], Timestamp(1), Vec::new()).unwrap();
        recovered(&mut proxy, Era::Modern, &record_of(&stored)).unwrap();
        assert_eq!(proxy.menus.of(Era::Modern).lister, asked(&["mcp-param-region"]));
    }
}
