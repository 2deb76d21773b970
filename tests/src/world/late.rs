//! What comes too late, or twice: about a call, an exchange or a batch that is over. It does no harm
//! (`wit/README.md`, Names).

use bytes::Bytes;
use relay_mcp_core::headers::{CONTENT_TYPE, Header};
use relay_mcp_core::{CallId, ExchangeId, Input, RelayFailure, RelayHead, Sent, Ticket, Timestamp};

use super::host::Host;

impl Host {
    /// An answer that came whole comes once more.
    pub(super) fn answer_once_more(&mut self, call: CallId, status: u16, body: &[u8]) {
        if !self.calls.contains_key(&call) {
            self.hear_late(Input::RelayHead { call, head: head(status) });
            self.hear_late(Input::RelayChunk { call, bytes: Bytes::copy_from_slice(body) });
            self.hear_late(Input::RelayEnd { call });
        }
    }

    /// Something comes about one of the things that are over, if the chosen one is.
    pub(super) fn hear_stale(&mut self, which: u64) {
        let (kind, which) = (which % 7, which / 7);
        let call = CallId(1 + which % self.last_call.0.max(1));
        let exchange = ExchangeId(1 + which % self.exchanges.len().max(1) as u64);
        let is_over = match kind {
            0..5 => !self.calls.contains_key(&call) && !self.ended.contains(&call),
            5 => !self.exchanges.get(&exchange).is_some_and(|known| known.is_open()),
            _ => self.disk.is_settled(Ticket(0)),
        };
        let failure = RelayFailure { sent: Sent::Unknown, reason: "connection reset".into() };
        let input = match kind {
            0 => Input::RelayHead { call, head: head(200) },
            1 => Input::RelayChunk { call, bytes: Bytes::from_static(b"{}") },
            2 => Input::RelayEnd { call },
            3 => Input::RelayFailed { call, failure },
            4 => Input::Passed { call },
            5 => Input::AgentGone { exchange },
            _ => Input::Durable { through: Ticket(0) },
        };
        if is_over {
            self.hear_late(input);
        }
    }

    fn hear_late(&mut self, input: Input) {
        let is_due = self.proxy.next_wakeup().is_some_and(|wakeup| wakeup.at <= Timestamp(self.now));
        let text = format!("{input:?}");
        let actions = self.step(input);
        assert!(is_due || actions.is_empty(), "what comes late does no harm: {text}: {actions:?}");
    }
}

fn head(status: u16) -> RelayHead {
    let headers = vec![Header::new(CONTENT_TYPE, "application/json")];
    RelayHead { status, headers, token_changed: false }
}
