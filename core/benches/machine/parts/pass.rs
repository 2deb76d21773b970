//! A call that passes through, from the request to the end of the relay's answer.

use relay_mcp_core::{Action, Input, Proxy};

use super::{NOW, called, head};

/// The request becomes a call, and the head of its answer a splice.
pub(crate) fn pass(proxy: &mut Proxy, request: Input) -> Vec<Action> {
    let call = called(&proxy.step(NOW, request));
    let spliced = proxy.step(NOW, head(call));
    assert!(spliced.iter().any(|action| matches!(action, Action::Splice { .. })));
    proxy.step(NOW, Input::RelayEnd { call })
}
