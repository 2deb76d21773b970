//! Plain answers, of which the machine said beforehand whom they are for: they go there without a step.

use std::time::Duration;

use http::{HeaderValue, Response};
use relay_mcp_core::headers::{SESSION_ID, is_plain};
use relay_mcp_core::{ExchangeId, Input, Machine};

use super::call::Calling;
use super::perform::splice;
use super::tables::{ReplyTo, Tables};
use super::{Driver, lock};
use crate::relay_client::RelayBody;

/// How long after the last step the machine is told of what was passed on, though nothing else happens: that the relay
/// answered may be what a write waits for by now (B-5.8).
const LATEST: Duration = Duration::from_millis(250);

impl<M: Machine + Send + 'static> Driver<M> {
    /// Hands a plain answer to whom it is for, and has the machine told with whatever comes next. Gives back any other.
    pub(super) fn pass_on(
        &self,
        calling: &Calling,
        response: Response<RelayBody>,
    ) -> Option<Response<RelayBody>> {
        let Calling { life, call, .. } = *calling;
        let mut core = lock(&self.0.core);
        let core = &mut *core;
        let pass_to = core.calls_of(life).and_then(|calls| calls.get(call)?.pass_to);
        let Some(exchange) = pass_to.filter(|exchange| may_pass(&core.tables, *exchange, &response)) else {
            return Some(response);
        };
        core.tables.calls.remove(call);
        splice(&mut core.tables, exchange, response, &[]);
        core.pace.is_of_use();
        // Before what is there already: with that, the machine must not take the call to be under way.
        lock(&self.0.inbox).inputs.insert(0, Input::Passed { call });
        self.0.alarm.set_at_latest(core.stepped + LATEST);
        None
    }
}

/// Whether an answer is plain, and the exchange that it is for waits for one.
fn may_pass(tables: &Tables, exchange: ExchangeId, response: &Response<RelayBody>) -> bool {
    let Some(known) = tables.exchanges.get(exchange) else { return false };
    let [asked_in, named] = [&known.headers, response.headers()]
        .map(|headers| headers.get(SESSION_ID).map(HeaderValue::as_bytes));
    matches!(known.reply, ReplyTo::Head(_)) && is_plain(response.status().as_u16(), asked_in, named)
}
