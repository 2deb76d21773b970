//! Plain answers, of which the machine said beforehand whom they are for: they go there without a step.

use http::{HeaderValue, Response};
use relay_mcp_core::headers::{SESSION_ID, is_plain};
use relay_mcp_core::{ExchangeId, Input, Machine};

use super::call::Calling;
use super::perform::splice;
use super::tables::{ReplyTo, Tables};
use super::{Driver, lock};
use crate::relay_client::RelayBody;

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
