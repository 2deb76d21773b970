//! `subscriptions/listen` (B-7.2): acknowledged first, each message tagged, merged with the relay's own
//! subscription where it has one.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use bytes::Bytes;

use super::{Kind, Subscription};
use crate::call::{Errand, Purpose};
use crate::ids::ExchangeId;
use crate::jsonrpc::Object;
use crate::mcp::sse;
use crate::menu::Viewer;
use crate::proxy::Proxy;

/// Where a message names the subscription that it belongs to.
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

impl Subscription {
    fn message(&self, method: &str, members: &str) -> Bytes {
        let id = self.id.text();
        let meta = format!(r#""_meta":{{"{SUBSCRIPTION_ID}":{id}}}"#);
        sse::event(&format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{{meta}{members}}}}}"#))
    }

    /// The menu has changed.
    pub(super) fn list_changed(&self) -> Bytes {
        self.message("notifications/tools/list_changed", "")
    }

    /// What of the filter is served.
    fn acknowledged(&self, filter: &str) -> Bytes {
        self.message("notifications/subscriptions/acknowledged", &format!(r#","notifications":{filter}"#))
    }

    /// The graceful end.
    pub(super) fn end(&self) -> Bytes {
        let id = self.id.text();
        sse::event(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{{"{SUBSCRIPTION_ID}":{id}}}}}}}"#
        ))
    }

    /// The part of the filter that the proxy can serve alone.
    fn own_filter(&self) -> &'static str {
        if self.wants_tools { r#"{"toolsListChanged":true}"# } else { "{}" }
    }
}

impl Proxy {
    /// `subscriptions/listen`: opens a stream here, and asks the relay for its own subscription.
    pub(crate) fn listen(&mut self, exchange: ExchangeId, params: Option<&Object<'_>>) {
        let Some(id) = self.id_of(exchange) else { return };
        let filter = params.and_then(|params| params.object("notifications"));
        let wants_tools =
            filter.as_ref().is_some_and(|filter| filter.get("toolsListChanged") == Some("true"));
        let filter = filter.map_or_else(|| "{}".into(), |filter| filter.text().to_owned());
        let subscription = Subscription { id, wants_tools, filter, is_acknowledged: false };
        if self.open_stream(exchange, Kind::Modern(subscription)) {
            self.open_upstream(exchange);
        }
    }

    pub(super) fn modern_upstream(&self, exchange: ExchangeId) -> Option<Errand> {
        let known = self.exchanges.get(&exchange)?;
        Some(Errand::of_exchange(Purpose::Listen(exchange), exchange, known.query.clone()))
    }

    /// The relay has no subscription to offer: what the proxy itself can serve is served.
    pub(super) fn acknowledge_alone(&mut self, exchange: ExchangeId) {
        let filter = self.subscription(exchange).map(|subscription| subscription.own_filter().to_owned());
        self.acknowledge(exchange, filter);
    }

    /// The relay is away: what was asked for is served as soon as it is back.
    pub(super) fn acknowledge_ahead(&mut self, exchange: ExchangeId) {
        let filter = self.subscription(exchange).map(|subscription| subscription.filter.clone());
        self.acknowledge(exchange, filter);
    }

    /// The relay said which part it serves; changes of the menu are served in any case.
    pub(super) fn acknowledge_with(&mut self, exchange: ExchangeId, relays: &str) {
        let Some(subscription) = self.subscription(exchange) else { return };
        let served =
            Object::parse(relays).and_then(|message| message.object("params")?.object("notifications"));
        let served = served.map_or_else(|| "{}".into(), |served| served.text().to_owned());
        let filter = match Object::parse(&served) {
            Some(object) if subscription.wants_tools => {
                crate::jsonrpc::set_member(&object, "toolsListChanged", "true")
            }
            Some(_) | None => served.clone(),
        };
        self.acknowledge(exchange, Some(filter));
    }

    /// Acknowledges, once; from then on the menu's changes are told.
    fn acknowledge(&mut self, exchange: ExchangeId, filter: Option<String>) {
        let Some(filter) = filter else { return };
        let Some(Kind::Modern(subscription)) =
            self.streams.open.get_mut(&exchange).map(|stream| &mut stream.kind)
        else {
            return;
        };
        if core::mem::replace(&mut subscription.is_acknowledged, true) {
            return;
        }
        let event = subscription.acknowledged(&filter);
        self.answer_chunk(exchange, event);
        self.begin_view(&Viewer::Modern);
        self.tell_changes();
    }

    fn subscription(&self, exchange: ExchangeId) -> Option<&Subscription> {
        match &self.streams.open.get(&exchange)?.kind {
            Kind::Modern(subscription) => Some(subscription),
            Kind::Legacy(_) => None,
        }
    }
}
