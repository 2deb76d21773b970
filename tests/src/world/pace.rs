//! The pace of deliveries: nobody asks a relay that is away more often than it said it would (OUTBOX G6).

use relay_mcp_core::headers::{RETRY_AFTER, value};
use relay_mcp_core::{Action, CallBody, Command, Input, Observation};

/// The longest wait of the outbox's own choosing, in milliseconds.
const LONGEST_WAIT: u64 = 30_000;

/// Until when the outbox said it would wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    waits_until: u64,
    /// The longest wait that the relay asked for so far, in milliseconds.
    asked_for: u64,
}

impl Pace {
    pub(super) fn look(&mut self, now: u64, input: &Input, actions: &[Action]) {
        if shortens(input) {
            self.waits_until = 0;
        }
        if let Input::RelayHead { head, .. } = input
            && let Some(seconds) = value(&head.headers, RETRY_AFTER).and_then(|text| text.parse::<u64>().ok())
        {
            self.asked_for = self.asked_for.max(seconds.saturating_mul(1_000));
        }
        for action in actions {
            match action {
                Action::Observe(Observation::WriteRetried { wait, .. }) => {
                    let wait = wait.as_millis() as u64;
                    assert!(wait <= LONGEST_WAIT.max(self.asked_for), "G6: a wait of {wait} ms");
                    self.waits_until = now + wait;
                }
                Action::Observe(Observation::WriteDelivered { age, .. }) => {
                    assert!(
                        age.as_millis() <= u128::from(now),
                        "G18: it was queued before time began: {age:?}"
                    );
                }
                Action::Call { request, .. } if is_delivery(&request.body) => {
                    assert!(now >= self.waits_until, "G6: a delivery before its time, at {now}");
                }
                _ => {}
            }
        }
    }
}

/// Whether a wait may be cut short: the relay answered something, or somebody looked after the matter.
fn shortens(input: &Input) -> bool {
    match input {
        Input::RelayHead { head, .. } => !matches!(head.status, 502..=504),
        Input::Passed { .. } => true,
        Input::Command { request, .. } => matches!(request, Command::TokenChanged | Command::RetryWrite(_)),
        _ => false,
    }
}

fn is_delivery(body: &CallBody) -> bool {
    let CallBody::Bytes(bytes) = body else { return false };
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.starts_with(r#"{"jsonrpc":"2.0","id":"relay-mcp-proxy"#)
        && text.contains(r#""method":"tools/call""#)
        && serde_json::from_str::<serde_json::Value>(text).is_ok_and(|call| call["method"] == "tools/call")
}
