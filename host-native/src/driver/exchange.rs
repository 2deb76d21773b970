//! Requests of the agent: from the door to the last byte of the answer.

use std::future::poll_fn;

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
    /// Has a request answered. When this is dropped before the answer has begun, the machine is told that
    /// the agent is gone (B-2.4). Nothing where the exchange was broken off.
    pub async fn exchange(&self, request: Admitted) -> Option<Response<AgentBody>> {
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
            if matches!(core.machine, State::Away) {
                return Some(self.turn_down(method, &request.body));
            }
            let exchange = ExchangeId(core.tables.next_id());
            let reply = ReplyTo::Head(reply);
            let known = Exchange { method, headers: request.headers, body: request.body, reply };
            core.tables.exchanges.insert(exchange, Box::new(known));
            // With the core held: where the machine fails, all that is in the tables was told it, or waits.
            (exchange, self.push(Input::Request { exchange, request: input }))
        };
        let unanswered = Unanswered { driver: self, exchange, method, waiting, is_over: false };
        if must_step {
            self.step_all();
        }
        unanswered.answer().await
    }

    /// There is no machine, and nobody is kept waiting for one that failed again and again.
    fn turn_down(&self, method: Method, body: &[u8]) -> Response<AgentBody> {
        let response = failure::answer(method, body, Sent::No);
        self.0.metrics.request(method, RequestOutcome::of_status(response.status().as_u16()));
        response
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

impl<M: Machine + Send + 'static> Unanswered<'_, M> {
    async fn answer(mut self) -> Option<Response<AgentBody>> {
        let driver = self.driver;
        let end = |calling: &Calling, called| driver.end_call(calling, called);
        let response = poll_fn(|context| self.waiting.poll(context, end)).await;
        self.is_over = true;
        let outcome = response.as_ref().map(|response| RequestOutcome::of_status(response.status().as_u16()));
        self.driver.0.metrics.request(self.method, outcome.unwrap_or(RequestOutcome::Aborted));
        response
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
