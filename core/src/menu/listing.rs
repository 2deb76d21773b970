//! `tools/list` of the agent: forwarded and narrowed, or answered from what is known (B-4.1, B-4.4).

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::page::{Page, Tool, visible, with_tools};
use super::view::prints;
use super::{Lister, Menu, Rules, Viewer};
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
        let era = viewer.era();
        let Some((response, page)) = self.page_of(era, cursor.as_deref(), &body) else {
            let message = "the relay answered tools/list with something that is no JSON-RPC response";
            return self.respond_error(exchange, code::INTERNAL_ERROR, message, None);
        };
        let Some(page) = page else { return self.respond_as(exchange, call, facts, body.clone()) };
        let rules = Rules::new(&self.config, &self.context);
        let visible = page.visible(&rules);
        let answer = Bytes::from(response.with_result(&page.narrowed(&visible)));
        self.relay.speaks(era);
        self.saw(&viewer, cursor.as_deref(), page.next.as_deref(), prints(&visible));
        self.take_page(era, page);
        self.show_in_order(&viewer, exchange);
        self.respond_as(exchange, call, facts, answer);
        self.tell_changes();
    }

    /// `tools/list` while the relay is away: what was last known, on one page (B-4.4).
    pub(crate) fn list_from_memory(&mut self, exchange: ExchangeId, cursor: Option<&str>, down: &Down) {
        let Some(viewer) = self.viewer_of(exchange) else { return };
        let rules = Rules::new(&self.config, &self.context);
        let known = self.menus.best(viewer.era()).tools_from(cursor);
        let known = known.map(|mut tools| visible(&mut tools, &rules));
        let Some(visible) = known.or_else(|| cursor.is_none().then(Vec::new)) else {
            return self.respond_unreachable(exchange, down.sent, &down.reason);
        };
        let (result, prints) = (list_result(viewer.era(), &visible), prints(&visible));
        self.saw(&viewer, cursor, None, prints);
        self.show_in_order(&viewer, exchange);
        self.observe(Observation::MenuFromMemory);
        self.respond_result(exchange, &result);
        self.fetch_what_was_missed();
    }

    /// The response that `body` is, and the page in it. One that the relay gave before is not read again.
    pub(super) fn page_of<'a>(
        &self,
        era: Era,
        cursor: Option<&str>,
        body: &'a Bytes,
    ) -> Option<(Response<'a>, Option<Arc<Page>>)> {
        let known = self.menus.of(era).page(cursor);
        let said = known.map_or(&[][..], |page| page.said());
        let response = Response::parse_knowing(core::str::from_utf8(body).ok()?, said)?;
        let rules = Rules::new(&self.config, &self.context);
        let page = response.result.and_then(|result| match known {
            Some(page) if result.as_bytes() == said => Some(Arc::clone(page)),
            _ => Page::read(body, result, cursor.map(String::from), &rules).map(Arc::new),
        });
        Some((response, page))
    }

    /// Takes a page into the menu of an era, and stores the menu where it changed.
    fn take_page(&mut self, era: Era, page: Arc<Page>) {
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

/// A list result of ours.
fn list_result(era: Era, tools: &[&Tool]) -> String {
    let around = match era {
        Era::Legacy => [r#"{"tools":"#, "}"],
        Era::Modern => [r#"{"resultType":"complete","tools":"#, r#","ttlMs":0,"cacheScope":"private"}"#],
    };
    with_tools(around, tools)
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
