//! Requests of the agent: from the door to the last byte of the answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};
use relay_mcp_core::{AgentRequest, ExchangeId, Input, Machine, Method, Sent};

use super::answer::AgentBody;
use super::call::Calling;
use super::life::State;
use super::tables::{Exchange, ReplyTo};
use super::way_back::{Waiting, way_back};
use super::{Driver, failure, lock};
use crate::headers;
use crate::telemetry::RequestOutcome;

/// A request that the door admitted, whole.
pub struct Admitted {
    /// Its method.
    pub method: Method,
    /// The query of its target.
    pub query: Option<String>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl<M: Machine + Send + 'static> Driver<M> {
    /// Has a request answered, from now on. When what comes back is dropped before the answer has begun, the machine is
    /// told that the agent is gone (B-2.4). Nothing comes of it where the exchange was broken off.
    pub fn exchange(&self, request: Admitted) -> impl Future<Output = Option<Response<AgentBody>>> {
        let (reply, waiting) = way_back();
        let input = AgentRequest {
            method: request.method,
            query: request.query,
            headers: headers::of_request(&request.headers),
            body: request.body.clone(),
        };
        let method = request.method;
        let (exchange, must_step) = {
            let mut core = lock(&self.0.core);
            let exchange = ExchangeId(core.tables.next_id());
            if matches!(core.machine, State::Away) {
                // Nobody is kept waiting for a machine that failed again and again.
                reply.send(failure::answer(method, &request.body, Sent::No));
                (exchange, false)
            } else {
                let reply = ReplyTo::Head(reply);
                let known = Exchange { method, headers: request.headers, body: request.body, reply };
                core.tables.exchanges.insert(exchange, Box::new(known));
                // With the core held: where the machine fails, all that is in the tables was told it, or waits.
                (exchange, self.push(Input::Request { exchange, request: input }))
            }
        };
        let unanswered = Unanswered { driver: self, exchange, method, waiting, is_over: false };
        if must_step {
            self.step_all();
        }
        unanswered
    }
}

/// An exchange whose answer has not begun.
struct Unanswered<'a, M: Machine + Send + 'static> {
    driver: &'a Driver<M>,
    exchange: ExchangeId,
    method: Method,
    waiting: Waiting,
    is_over: bool,
}

impl<M: Machine + Send + 'static> Future for Unanswered<'_, M> {
    type Output = Option<Response<AgentBody>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let driver = self.driver;
        let end = |calling: &Calling, called| driver.end_call_here(calling, called);
        let response = ready!(self.waiting.poll(context, end));
        self.is_over = true;
        let outcome = response.as_ref().map(|response| RequestOutcome::of_status(response.status().as_u16()));
        driver.0.metrics.request(self.method, outcome.unwrap_or(RequestOutcome::Aborted));
        Poll::Ready(response)
    }
}

impl<M: Machine + Send + 'static> Drop for Unanswered<'_, M> {
    fn drop(&mut self) {
        if !self.is_over {
            self.driver.0.metrics.request(self.method, RequestOutcome::Gone);
            self.driver.feed(Input::AgentGone { exchange: self.exchange });
        }
        for calling in self.waiting.leave() {
            self.driver.go_on(calling);
        }
    }
}
