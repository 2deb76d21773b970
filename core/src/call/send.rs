//! Sending: the session's id, the time limit, and a second try where the first provably did nothing.

use alloc::boxed::Box;
use alloc::format;

use crate::action::{Action, CallBody, CallHeaders, RelayRequest};
use crate::call::{Call, Down, Errand, Loss, Purpose, Tried};
use crate::headers::{Header, HeaderEdit, SESSION_ID};
use crate::ids::CallId;
use crate::input::Sent;
use crate::jsonrpc::Id;
use crate::proxy::Proxy;
use crate::session::Route;
use crate::status::Why;
use crate::write_ahead::Held;

impl Proxy {
    /// Sends an errand, at once or as soon as its session is open (B-3.4).
    ///
    /// What the agent waits for is not sent while the breaker is open: it gets at once what it would get in
    /// the end. What the proxy sends of itself goes out, each at its own pace, and is a probe too.
    pub(crate) fn send(&mut self, errand: Errand) {
        if errand.purpose.is_of_the_agent()
            && let Some(down) = self.not_tried()
        {
            return self.undelivered(errand.purpose, &down);
        }
        let route = match &errand.session {
            Some(session) => self.sessions.route(session),
            None => Route::AsItIs,
        };
        match route {
            Route::AsItIs => {
                let edit = errand.session.as_deref().and_then(|id| self.session_edit(&errand, id));
                self.send_with(errand, edit, None);
            }
            Route::Stateless => self.send_with(errand, Some(HeaderEdit::Remove(SESSION_ID.into())), None),
            Route::Relay(id) => {
                let edit = self.session_edit(&errand, &id);
                self.send_with(errand, edit, Some(id));
            }
            Route::Unopened => self.open_session_for(errand),
        }
    }

    /// What has an errand name this session; nothing where it is the one that its headers name, as nearly always.
    fn session_edit(&self, errand: &Errand, id: &str) -> Option<HeaderEdit> {
        let is_named = match errand.headers {
            CallHeaders::OfExchange(exchange) => {
                self.exchanges.get(&exchange).is_some_and(|known| known.names_session(id))
            }
            CallHeaders::Own(_) => false,
        };
        (!is_named).then(|| HeaderEdit::Set(Header::new(SESSION_ID, id)))
    }

    /// What becomes of a call of the agent that is not even tried, while that is so (OUTBOX G6).
    pub(crate) fn not_tried(&self) -> Option<Down> {
        let reason = self.relay.breaker(self.now)?;
        Some(Down { sent: Sent::No, loss: Loss::Away, reason, retry_after: None })
    }

    fn send_with(
        &mut self,
        errand: Errand,
        session: Option<HeaderEdit>,
        relay_session: Option<alloc::string::String>,
    ) {
        let call = CallId(self.last_call.0 + 1);
        self.last_call = call;
        let (own_id, body) = self.body_of(&errand);
        let edits = errand.edits.iter().cloned().chain(session).collect();
        let request = RelayRequest {
            method: errand.method,
            headers: errand.headers.clone(),
            edits,
            query: errand.query.clone(),
            body,
        };
        let purpose = errand.purpose.clone();
        self.calls.insert(call, Box::new(Call { errand, relay_session, own_id, reading: None }));
        if purpose.is_timed() {
            self.limit_time(call);
        }
        if let Purpose::Listen(stream) = purpose {
            self.on_upstream_called(stream, call);
        }
        let pass_to = purpose.passes_to().filter(|_| self.is_no_news());
        self.actions.push(Action::Call { call, request, pass_to });
    }

    /// Whether a plain answer would tell nothing that is to be acted upon: the relay is there, and no write waits for it.
    fn is_no_news(&self) -> bool {
        self.relay.is_up() && !self.timers.is_set(Why::Delivery)
    }

    /// The body, and the id of a request of the proxy's own.
    fn body_of(&mut self, errand: &Errand) -> (Option<Id>, CallBody) {
        let Some((method, params)) = &errand.own_request else { return (None, errand.body.clone()) };
        let id = self.own_ids.next();
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"method":"{method}","params":{params}}}"#, id.text());
        (Some(id), CallBody::Bytes(body.into()))
    }

    /// The relay began or went on to answer: a timed call may take that long again.
    pub(crate) fn rearm(&mut self, call: CallId) {
        if self.timers.is_set(Why::CallTimeout(call)) {
            self.limit_time(call);
        }
    }

    /// From here on the call may take so long.
    pub(crate) fn limit_time(&mut self, call: CallId) {
        let Some(known) = self.calls.get(&call) else { return };
        self.timers.set(Why::CallTimeout(call), self.now + known.patience(&self.config));
    }

    /// The connection broke before an answer began, as one that idled may: once more on another, where that
    /// does no harm.
    pub(crate) fn send_again_on_new_connection(&mut self, call: &Call) -> bool {
        let is_again = call.reading.is_none()
            && call.errand.purpose.is_repeatable()
            && !call.errand.tried.connection
            && self.relay.breaker(self.now).is_none();
        if is_again {
            let tried = Tried { connection: true, ..call.errand.tried };
            self.send(Errand { tried, ..call.errand.clone() });
        }
        is_again
    }

    /// Removes a call that is over.
    pub(crate) fn take_call(&mut self, call: CallId) -> Option<Box<Call>> {
        self.timers.clear(Why::CallTimeout(call));
        self.calls.remove(&call)
    }

    /// Ends a call that nobody needs any more.
    pub(crate) fn cancel(&mut self, call: CallId) -> Option<Box<Call>> {
        let known = self.take_call(call)?;
        self.release(call);
        Some(known)
    }

    /// Lets the host forget a call, after all that goes out under its head.
    pub(crate) fn release(&mut self, call: CallId) {
        match self.ahead.ticket_of_head(call) {
            Some(ticket) => self.ahead.hold_for(ticket, Held::Answer(Action::Cancel { call })),
            None => self.actions.push(Action::Cancel { call }),
        }
    }
}
