//! Sending: the session's id, the time limit, and a second try where the first provably did nothing.

use crate::action::{Action, RelayRequest};
use crate::call::{Call, Errand, Purpose};
use crate::headers::{Header, HeaderEdit, SESSION_ID};
use crate::ids::CallId;
use crate::proxy::Proxy;
use crate::session::Route;
use crate::status::Why;
use crate::write_ahead::Held;

impl Proxy {
    /// Sends an errand, at once or as soon as its session is open (B-3.4).
    pub(crate) fn send(&mut self, errand: Errand) {
        let route = match &errand.session {
            Some(session) => self.sessions.route(session),
            None => Route::AsItIs,
        };
        match route {
            Route::AsItIs => {
                let edit = errand.session.clone().map(|id| HeaderEdit::Set(Header::new(SESSION_ID, id)));
                self.send_with(errand, edit, None);
            }
            Route::Stateless => self.send_with(errand, Some(HeaderEdit::Remove(SESSION_ID.into())), None),
            Route::Relay(id) => {
                let edit = HeaderEdit::Set(Header::new(SESSION_ID, id.clone()));
                self.send_with(errand, Some(edit), Some(id));
            }
            Route::Unopened => self.open_session_for(errand),
        }
    }

    fn send_with(
        &mut self,
        errand: Errand,
        session: Option<HeaderEdit>,
        relay_session: Option<alloc::string::String>,
    ) {
        let call = CallId(self.last_call.0 + 1);
        self.last_call = call;
        let edits = errand.edits.iter().cloned().chain(session).collect();
        let request = RelayRequest {
            method: errand.method,
            headers: errand.headers.clone(),
            edits,
            query: errand.query.clone(),
            body: errand.body.clone(),
        };
        if errand.purpose.is_timed() {
            self.limit_time(call);
        }
        if let Purpose::Listen(stream) = errand.purpose {
            self.on_upstream_called(stream, call);
        }
        self.calls.insert(call, Call { errand, relay_session, reading: None });
        self.actions.push(Action::Call { call, request });
    }

    /// The relay began or went on to answer: a timed call may take that long again.
    pub(crate) fn rearm(&mut self, call: CallId) {
        if self.timers.is_set(Why::CallTimeout(call)) {
            self.limit_time(call);
        }
    }

    /// From here on the call may take so long.
    pub(crate) fn limit_time(&mut self, call: CallId) {
        self.timers.set(Why::CallTimeout(call), self.now + self.config.relay_timeout);
    }

    /// Removes a call that is over.
    pub(crate) fn take_call(&mut self, call: CallId) -> Option<Call> {
        self.timers.clear(Why::CallTimeout(call));
        self.calls.remove(&call)
    }

    /// Ends a call that nobody needs any more.
    pub(crate) fn cancel(&mut self, call: CallId) -> Option<Call> {
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
