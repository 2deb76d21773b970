//! `tools/list` of the agent: forwarded and narrowed, or answered from what is known (B-4.1, B-4.4).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Lister, Menu, Page, Rules, Tool, Viewer, narrow};
use crate::call::{Answered, Down, Facts, Purpose};
use crate::headers::repeated;
use crate::ids::{CallId, ExchangeId};
use crate::jsonrpc::{self, Object, Response, code, remove_member};
use crate::mcp::Era;
use crate::observation::Observation;
use crate::proxy::Proxy;

impl Proxy {
    /// Forwards `tools/list`, and remembers how it was asked.
    pub(crate) fn list(&mut self, exchange: ExchangeId, params: Option<&Object<'_>>) {
        let cursor = params.and_then(|params| params.string("cursor")).map(String::from);
        let Some(known) = self.exchanges.get(&exchange) else { return };
        let lister = match known.era {
            Era::Legacy => Lister::Legacy(known.session().map(String::from)),
            Era::Modern => {
                let meta = params.and_then(|params| params.object("_meta"));
                let meta = meta.map_or_else(|| "{}".into(), |meta| remove_member(&meta, "progressToken"));
                Lister::Modern(meta, repeated(&known.headers))
            }
        };
        self.menus.of_mut(known.era).lister = Some(lister);
        self.forward(exchange, Purpose::List(exchange, cursor));
    }

    pub(crate) fn on_listed(
        &mut self,
        exchange: ExchangeId,
        call: CallId,
        cursor: Option<String>,
        facts: Facts,
        answered: Answered,
    ) {
        let body = match answered {
            Answered::Whole(body) => body,
            Answered::TooLarge => return self.respond_too_large(exchange),
        };
        let Some(viewer) = self.viewer_of(exchange) else { return };
        let Some(response) = core::str::from_utf8(&body).ok().and_then(Response::parse) else {
            let message = "the relay answered tools/list with something that is no JSON-RPC response";
            return self.respond_error(exchange, code::INTERNAL_ERROR, message, None);
        };
        let rules = Rules::new(&self.config, &self.context);
        let Some(narrowed) = response.result.and_then(|result| narrow(result, &rules)) else {
            return self.respond_as(exchange, call, facts, body.clone());
        };
        let page = page_of(&body, cursor.clone(), &narrowed, &rules);
        self.relay.speaks(viewer.era());
        self.saw(viewer.clone(), cursor.as_deref(), page.next.as_deref(), page.tools.iter());
        let answer = Bytes::from(response.with_result(&narrowed.result));
        self.take_page(viewer.era(), page);
        self.show_in_order(&viewer, exchange);
        self.respond_as(exchange, call, facts, answer);
        self.tell_changes();
    }

    /// `tools/list` while the relay is away: what was last known, on one page (B-4.4).
    pub(crate) fn list_from_memory(&mut self, exchange: ExchangeId, cursor: Option<&str>, down: &Down) {
        let Some(viewer) = self.viewer_of(exchange) else { return };
        let known = self.menus.best(viewer.era()).tools_from(cursor);
        let tools: Option<Vec<Tool>> = known.map(|tools| tools.cloned().collect());
        let Some(tools) = tools.or_else(|| cursor.is_none().then(Vec::new)) else {
            return self.respond_unreachable(exchange, down.sent, &down.reason);
        };
        let result = list_result(viewer.era(), &tools, &Rules::new(&self.config, &self.context));
        self.saw(viewer.clone(), cursor, None, tools.iter());
        self.show_in_order(&viewer, exchange);
        self.observe(Observation::MenuFromMemory);
        self.respond_result(exchange, &result);
        self.fetch_what_was_missed();
    }

    /// Takes a page into the menu of an era, and stores the menu where it changed.
    pub(super) fn take_page(&mut self, era: Era, page: Page) {
        if self.menus.of_mut(era).take(page) {
            self.menus.latest = Some(era);
            self.store_menu(era);
        }
    }

    fn viewer_of(&self, exchange: ExchangeId) -> Option<Viewer> {
        let known = self.exchanges.get(&exchange)?;
        Some(match known.era {
            Era::Legacy => Viewer::Legacy(self.sessions.own(known.session())),
            Era::Modern => Viewer::Modern,
        })
    }
}

/// A page as it is kept: its definitions are slices of the answer that they came in.
pub(super) fn page_of(
    body: &Bytes,
    cursor: Option<String>,
    narrowed: &narrow::Narrowed<'_>,
    rules: &Rules<'_>,
) -> Page {
    let slice = |text: &str| body.slice_ref(text.as_bytes());
    let tools =
        narrowed.tools.iter().map(|(name, text)| Tool::new(name.as_ref().to_owned(), slice(text), rules));
    Page { cursor, next: narrowed.next.as_ref().map(|next| next.as_ref().to_owned()), tools: tools.collect() }
}

/// A list result of ours.
fn list_result(era: Era, tools: &[Tool], rules: &Rules<'_>) -> String {
    let shown: Vec<_> = tools
        .iter()
        .filter(|tool| rules.shows(&tool.name))
        .map(|tool| rules.shown(&tool.name, tool.text()))
        .collect();
    let list = shown.join(",");
    match era {
        Era::Legacy => format!(r#"{{"tools":[{list}]}}"#),
        Era::Modern => {
            format!(r#"{{"resultType":"complete","tools":[{list}],"ttlMs":0,"cacheScope":"private"}}"#)
        }
    }
}

/// The names of a menu's tools, shown and hidden, for the status.
pub(crate) fn divided(menu: &Menu, rules: &Rules<'_>) -> (Vec<String>, Vec<String>) {
    menu.tools().map(|tool| tool.name.clone()).partition(|name| rules.shows(name))
}

/// The params of a `tools/list` of the proxy's own.
pub(super) fn list_params(meta: Option<&str>, cursor: Option<&str>) -> String {
    let meta = meta.map(|meta| format!(r#""_meta":{meta}"#));
    let cursor = cursor.map(|cursor| format!(r#""cursor":{}"#, jsonrpc::quoted(cursor)));
    let params: Vec<String> = meta.into_iter().chain(cursor).collect();
    format!("{{{}}}", params.join(","))
}
