//! The legacy GET stream (B-7.1).

use alloc::string::String;

use super::Kind;
use super::upstream::LastEvent;
use crate::call::{Errand, Purpose};
use crate::headers::{Header, HeaderEdit, LAST_EVENT_ID};
use crate::ids::ExchangeId;
use crate::input::Method;
use crate::mcp::sse;
use crate::menu::Viewer;
use crate::proxy::Proxy;

impl Proxy {
    /// GET: opens an event stream here, and asks the relay for its own.
    pub(crate) fn on_get(&mut self, exchange: ExchangeId) {
        if self.refuse_lost_session(exchange) {
            return;
        }
        let session = self.exchanges.get(&exchange).and_then(|known| self.sessions.own(known.session()));
        if !self.open_stream(exchange, Kind::Legacy(session.clone())) {
            return;
        }
        self.answer_chunk(exchange, sse::comment("connected"));
        self.begin_view(&Viewer::Legacy(session));
        self.tell_changes();
        self.open_upstream(exchange);
    }

    /// The relay's GET stream for this one: in the same session, from where the last one broke.
    pub(super) fn legacy_upstream(&self, exchange: ExchangeId, last_event: &LastEvent) -> Option<Errand> {
        let known = self.exchanges.get(&exchange)?;
        let mut errand = Errand::of_exchange(Purpose::Listen(exchange), exchange, known.query.clone());
        errand.method = Method::Get;
        errand.body = crate::action::CallBody::Empty;
        let accept = Header::new("accept", sse::EVENT_STREAM);
        errand.edits.push(HeaderEdit::Set(accept));
        match last_event {
            LastEvent::AsAsked => {}
            LastEvent::After(id) => {
                errand.edits.push(HeaderEdit::Set(Header::new(LAST_EVENT_ID, id.as_str())));
            }
            LastEvent::Forgotten => errand.edits.push(HeaderEdit::Remove(LAST_EVENT_ID.into())),
        }
        Some(errand.in_session(known.session().map(String::from)))
    }
}
