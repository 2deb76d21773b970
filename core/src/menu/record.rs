//! Menus as they are stored (B-4.4).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::view::{View, viewer_of};
use super::{Lister, Page, Rules, Tool};
use crate::mcp::Era;
use crate::proxy::Proxy;
use crate::record::{Change, Record, RecordKey, RecordKind};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MenuRecord {
    lister: Option<Lister>,
    pages: Vec<PageRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PageRecord {
    cursor: Option<String>,
    next: Option<String>,
    tools: Vec<ToolRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ToolRecord {
    name: String,
    definition: Box<RawValue>,
}

impl Proxy {
    pub(super) fn store_menu(&mut self, era: Era) {
        let menu = self.menus.of(era);
        let pages = menu.pages.iter().map(page_record).collect();
        let record = MenuRecord { lister: menu.lister.clone(), pages };
        let Ok(value) = serde_json::to_vec(&record) else { return };
        let key = RecordKey { kind: RecordKind::Menu, id: era.name().into() };
        self.ahead.append(Change::Put(Record { key, value: Bytes::from(value) }));
    }
}

fn page_record(page: &Page) -> PageRecord {
    let tools = page.tools.iter().filter_map(|tool| {
        let definition = RawValue::from_string(tool.text().into()).ok()?;
        Some(ToolRecord { name: tool.name.clone(), definition })
    });
    PageRecord { cursor: page.cursor.clone(), next: page.next.clone(), tools: tools.collect() }
}

/// Takes a menu back from its record.
pub(crate) fn recovered(proxy: &mut Proxy, era: Era, value: &str) -> Result<(), serde_json::Error> {
    let record: MenuRecord = serde_json::from_str(value)?;
    let rules = Rules::new(&proxy.config, &proxy.context);
    let pages = record.pages.into_iter().map(|record| page(record, &rules)).collect();
    let menu = proxy.menus.of_mut(era);
    (menu.lister, menu.pages) = (record.lister, pages);
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
    Page { cursor: record.cursor, next: record.next, tools: tools.collect() }
}

/// Takes back what a viewer last saw.
pub(crate) fn view_recovered(proxy: &mut Proxy, id: &str, value: &str) -> Result<bool, serde_json::Error> {
    let view: View = serde_json::from_str(value)?;
    let Some(viewer) = viewer_of(id) else { return Ok(false) };
    proxy.menus.views.insert(viewer, view);
    Ok(true)
}
