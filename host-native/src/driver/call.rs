//! Calls to the relay. One that a request of the agent waits for is made there ([`way_back`](super::way_back)); any other
//! is a task of its own.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Method as HttpMethod, Response};
use http_body::Body;
use relay_mcp_core::{
    CallBody, CallHeaders, CallId, ExchangeId, Input, Machine, Method, RelayFailure, RelayHead, RelayRequest,
    Sent,
};

use super::apart::{are_of_a_stream, set_apart};
use super::life::Life;
use super::tables::{Answer, Call, Place, ReplyTo, Tables};
use super::way_back::WayBack;
use super::{Driver, lock};
use crate::headers;
use crate::relay_client::{self, RelayBody, root_cause};
use crate::telemetry::CallOutcome;
use crate::token::Bearer;

/// The statuses after which the token is looked at again (B-2.7, B-5.8).
const REFUSALS: [u16; 2] = [401, 403];

/// A call whose answer has not begun.
pub(super) struct Calling {
    pub(super) life: Life,
    pub(super) call: CallId,
    /// What it went out with.
    token: Option<Bearer>,
    pub(super) answer: relay_client::Answer,
}

/// What became of it: the answer has begun, or there is none.
pub(super) type Called = Result<Response<RelayBody>, RelayFailure>;

#[cfg(test)]
impl Calling {
    pub(super) fn of_nobody(call: CallId, answer: relay_client::Answer) -> Self {
        Self { life: Life::default(), call, token: None, answer }
    }
}

impl<M: Machine + Send + 'static> Driver<M> {
    /// Begins a call.
    pub(super) fn call(
        &self,
        life: Life,
        tables: &mut Tables,
        call: CallId,
        request: &RelayRequest,
        pass_to: Option<ExchangeId>,
    ) {
        let Some((headers, body)) = assemble(tables, request) else {
            return tracing::error!("the machine called the relay for a request that is over");
        };
        let method = match request.method {
            Method::Get => HttpMethod::GET,
            Method::Post => HttpMethod::POST,
            Method::Delete => HttpMethod::DELETE,
        };
        let (token, answer) = self.0.relay.send(method, request.query.as_deref(), headers, body);
        let calling = Calling { life, call, token, answer };
        let place = match way_back(tables, request) {
            Some(way_back) => way_back.call(calling),
            None => Err(calling),
        };
        let place = place.map_or_else(|calling| self.begin_apart(calling), Place::Here);
        tables.calls.insert(call, Call { place, answer: Answer::Awaited, pass_to });
    }

    /// Begins a call in a task of its own, before the task's first turn: over a connection that is open to it alone it is
    /// sent at once, so that the relay is at it while the rest of the step is done.
    fn begin_apart(&self, mut calling: Calling) -> Place {
        let _in_runtime = self.0.runtime.enter();
        let begun = calling.answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.call_apart(calling, begun)
    }

    /// Makes a call, as far as it is not made yet, in a task of its own.
    fn call_apart(&self, mut calling: Calling, begun: Poll<Called>) -> Place {
        let driver = self.clone();
        let task = self.0.runtime.spawn(async move {
            let called = match begun {
                Poll::Ready(called) => called,
                Poll::Pending => calling.answer.as_mut().await,
            };
            let Calling { life, call, .. } = calling;
            let body = driver.end_call(&calling, called);
            // A stream lasts.
            drop(calling);
            if let Some(body) = body {
                driver.feed_body(life, call, body).await;
            }
        });
        Place::Task(task.abort_handle())
    }

    /// Goes on with a call that was made where nobody waits any more, if it was not given up.
    pub(super) fn go_on(&self, calling: Calling) {
        let mut core = lock(&self.0.core);
        let known = core.calls_of(calling.life).and_then(|calls| calls.get_mut(calling.call));
        if let Some(known) = known {
            known.place = self.call_apart(calling, Poll::Pending);
        }
    }

    /// The same for a call that was made where nobody waits for the rest of its answer.
    pub(super) fn end_call_here(&self, calling: &Calling, called: Called) {
        let Calling { life, call, .. } = *calling;
        let Some(body) = self.end_call(calling, called) else { return };
        let mut core = lock(&self.0.core);
        let Some(known) = core.calls_of(life).and_then(|calls| calls.get_mut(call)) else { return };
        let driver = self.clone();
        let task = self.0.runtime.spawn(async move { driver.feed_body(life, call, body).await });
        known.place = Place::Task(task.abort_handle());
    }

    /// The answer has begun, or there is none. Gives the body that the machine reads.
    fn end_call(&self, calling: &Calling, called: Called) -> Option<RelayBody> {
        match called {
            Ok(response) => self.begin_reading(calling, response),
            Err(failure) => {
                self.end_failed(calling, failure);
                None
            }
        }
    }

    /// The head has come: the machine says at once what becomes of the body, where it did not say so beforehand.
    fn begin_reading(&self, calling: &Calling, response: Response<RelayBody>) -> Option<RelayBody> {
        let Calling { life, call, .. } = *calling;
        let status = response.status().as_u16();
        self.0.metrics.relay_call(CallOutcome::of_status(status));
        let response = self.pass_on(calling, response)?;
        let head = RelayHead {
            status,
            headers: headers::of_answer(response.headers()),
            token_changed: REFUSALS.contains(&status) && self.0.relay.has_other_token(calling.token.as_ref()),
        };
        lock(&self.0.core).calls_of(life)?.get_mut(call)?.answer = Answer::Begun(Box::new(response));
        self.push_of(life, [Input::RelayHead { call, head }]);
        // Here, though another thread may be about to: what the machine says is done when this returns.
        self.step_all();
        match &mut lock(&self.0.core).calls_of(life)?.get_mut(call)?.answer {
            Answer::Read { body, .. } => body.take(),
            Answer::Awaited | Answer::Begun(_) => None,
        }
    }

    fn end_failed(&self, calling: &Calling, failure: RelayFailure) {
        let Calling { life, call, .. } = *calling;
        self.0.metrics.relay_call(match failure.sent {
            Sent::No => CallOutcome::NotSent,
            Sent::Unknown => CallOutcome::Broken,
        });
        if let Some(calls) = lock(&self.0.core).calls_of(life) {
            calls.remove(call);
        }
        self.feed_of(life, [Input::RelayFailed { call, failure }]);
    }

    /// Feeds an answer to the machine, chunk by chunk.
    async fn feed_body(&self, life: Life, call: CallId, mut body: RelayBody) {
        loop {
            let (chunk, end) = match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                Some(Ok(frame)) => (
                    frame.into_data().ok().map(|bytes| Input::RelayChunk { call, bytes }),
                    body.is_end_stream().then_some(Input::RelayEnd { call }),
                ),
                Some(Err(error)) => {
                    self.0.metrics.relay_call(CallOutcome::Broken);
                    let failure = RelayFailure { sent: Sent::Unknown, reason: root_cause(&error) };
                    (None, Some(Input::RelayFailed { call, failure }))
                }
                None => (None, Some(Input::RelayEnd { call })),
            };
            let is_over = end.is_some();
            self.feed_of(life, chunk.into_iter().chain(end));
            if is_over {
                return;
            }
        }
    }

    /// Forgets a call. Dropping what makes it closes its connection, or gives it back where all of it was read.
    pub(super) fn cancel(&self, tables: &mut Tables, call: CallId) {
        if let Some(known) = tables.calls.remove(call) {
            match &known.place {
                Place::Here(here) => here.cancel(call),
                Place::Task(task) => task.abort(),
            }
            if matches!(known.answer, Answer::Awaited) {
                self.0.metrics.relay_call(CallOutcome::Cancelled);
            }
        }
    }
}

/// Keeps the head of an answer, and leaves the body to whoever made the call.
pub(super) fn read(tables: &mut Tables, call: CallId) {
    let Some(known) = tables.calls.get_mut(call) else { return };
    let Answer::Begun(response) = std::mem::replace(&mut known.answer, Answer::Awaited) else { return };
    let (mut head, body) = response.into_parts();
    if are_of_a_stream(&head.headers) {
        set_apart(&mut head.headers);
    }
    known.answer = Answer::Read { head: Box::new(head), body: Some(body) };
}

/// Where the request waits that a call is made for.
fn way_back<'a>(tables: &'a Tables, request: &RelayRequest) -> Option<&'a WayBack> {
    let CallHeaders::OfExchange(exchange) = request.headers else { return None };
    match &tables.exchanges.get(exchange)?.reply {
        ReplyTo::Head(way_back) => Some(way_back),
        ReplyTo::Body(_) => None,
    }
}

/// The headers and the body of a request, put together from what the agent sent and what the machine says.
fn assemble(tables: &Tables, request: &RelayRequest) -> Option<(HeaderMap, Bytes)> {
    let mut headers = match &request.headers {
        CallHeaders::OfExchange(exchange) => headers::toward_relay(&tables.exchanges.get(*exchange)?.headers),
        CallHeaders::Own(own) => own.iter().filter_map(headers::of_machine).collect(),
    };
    headers::edit(&mut headers, &request.edits);
    let body = match &request.body {
        CallBody::Empty => Bytes::new(),
        CallBody::OfExchange(exchange) => tables.exchanges.get(*exchange)?.body.clone(),
        CallBody::Bytes(bytes) => bytes.clone(),
    };
    Some((headers, body))
}
