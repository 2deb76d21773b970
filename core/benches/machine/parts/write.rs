//! A write that is queued.

use bytes::Bytes;
use relay_mcp_core::{Action, Input, Proxy, RelayFailure, Sent};

use super::{NOW, called, is_answered, persisted, post};

/// The first write: its call comes to nothing, so it is queued.
pub(crate) fn fail(proxy: &mut Proxy, body: &Bytes) -> Vec<Action> {
    let call = called(&proxy.step(NOW, post(1, body)));
    let failure = RelayFailure { sent: Sent::No, reason: "connection refused".into() };
    let actions = proxy.step(NOW, Input::RelayFailed { call, failure });
    receive(proxy, &actions)
}

/// The disk acknowledges, and the receipt comes.
pub(crate) fn receive(proxy: &mut Proxy, actions: &[Action]) -> Vec<Action> {
    let through = persisted(actions).expect("the step stores the write");
    let actions = proxy.step(NOW, Input::Durable { through });
    assert!(is_answered(&actions));
    actions
}
