//! Requests of the agent: from the door to the last byte of the answer.

use bytes::Bytes;
use http::{HeaderMap, Response};
use relay_mcp_core::{AgentRequest, ExchangeId, Input, Machine, Method};
use tokio::sync::oneshot;

use super::answer::AgentBody;
use super::tables::{Exchange, ReplyTo};
use super::{Driver, lock};
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
        let (reply, answer) = oneshot::channel();
        let input = AgentRequest {
            method: request.method,
            query: request.query,
            headers: headers::for_machine(&request.headers),
            body: request.body.clone(),
        };
        let exchange = {
            let mut core = lock(&self.0.core);
            let exchange = ExchangeId(core.tables.next_id());
            let known =
                Exchange { headers: request.headers, body: request.body, reply: ReplyTo::Head(reply) };
            core.tables.exchanges.insert(exchange, known);
            exchange
        };
        let waiting = Waiting { driver: self, exchange, method: request.method, is_over: false };
        self.feed(Input::Request { exchange, request: input });
        waiting.until(answer).await
    }
}

/// An exchange whose answer has not begun.
struct Waiting<'a, M: Machine + Send + 'static> {
    driver: &'a Driver<M>,
    exchange: ExchangeId,
    method: Method,
    is_over: bool,
}

impl<M: Machine + Send + 'static> Waiting<'_, M> {
    async fn until(mut self, answer: oneshot::Receiver<Response<AgentBody>>) -> Option<Response<AgentBody>> {
        let response = answer.await.ok();
        self.is_over = true;
        let outcome = response.as_ref().map(|response| RequestOutcome::of_status(response.status().as_u16()));
        self.driver.0.metrics.request(self.method, outcome.unwrap_or(RequestOutcome::Aborted));
        response
    }
}

impl<M: Machine + Send + 'static> Drop for Waiting<'_, M> {
    fn drop(&mut self) {
        if !self.is_over {
            self.driver.0.metrics.request(self.method, RequestOutcome::Gone);
            self.driver.feed(Input::AgentGone { exchange: self.exchange });
        }
    }
}
