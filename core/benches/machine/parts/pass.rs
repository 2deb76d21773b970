//! A call that passes through, from the request until the machine knows that it was answered.

use relay_mcp_core::{Action, Input, Proxy};

use super::{NOW, called, head};

/// The request becomes a call, whose answer the host passes on; the first one, which tells that the relay is there, is a
/// splice.
pub(crate) fn pass(proxy: &mut Proxy, request: Input) -> Vec<Action> {
    let actions = proxy.step(NOW, request);
    let call = called(&actions);
    let may_pass = actions.iter().any(|action| matches!(action, Action::Call { pass_to: Some(_), .. }));
    proxy.step(NOW, if may_pass { Input::Passed { call } } else { head(call) })
}
