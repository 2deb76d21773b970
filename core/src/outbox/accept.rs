//! Accepting a write (B-5.4): durable first, then the receipt; or an error, never a false "queued".

use alloc::format;
use alloc::string::String;

use super::entry::{Asker, Entry, Place};
use super::lane::Live;
use super::write::queued_params;
use crate::call::Down;
use crate::exchange::delivered;
use crate::ids::ExchangeId;
use crate::input::Sent;
use crate::jsonrpc::{self, code, quoted};
use crate::mcp::Era;
use crate::observation::Observation;
use crate::proxy::Proxy;
use crate::write_ahead::Held;

/// The seed's words.
const NOTE: &str = "Relay was unreachable; your call was queued durably and will be delivered automatically \
                    when the relay comes back. It is not lost.";

impl Proxy {
    /// Appends a live write to the outbox; those who wait for it get their receipts when it is durable.
    pub(super) fn queue(&mut self, mut live: Live, down: &Down) {
        if let Some(name) = live.cannot_queue {
            let message = format!(
                "relay unreachable: {}; a call that carries {name} cannot be queued, send it again later",
                down.reason
            );
            return self.refuse_write(&live, code::CANNOT_QUEUE, &message, down.sent);
        }
        if self.outbox.place_of(&live.write.key).is_some() {
            return live.askers.into_iter().for_each(|asker| self.ask_for_receipt(&live.write.key, asker));
        }
        if live.hears_progress {
            live.write.params = queued_params(&live.write.params);
        }
        if !self.outbox.has_room_for(&live.write) {
            let limits = &self.config.limits;
            let message = format!(
                "relay unreachable: {}; the outbox is full ({} writes or {} bytes at the most), nothing was queued",
                down.reason, limits.outbox_entries, limits.outbox_bytes
            );
            return self.refuse_write(&live, code::OUTBOX_FULL, &message, down.sent);
        }
        let entry = Entry { sent: down.sent, ..Entry::new(live.write, self.now, live.askers) };
        let place = self.outbox.push(entry);
        self.make_durable(place);
    }

    fn refuse_write(&mut self, live: &Live, code: i64, message: &str, sent: Sent) {
        self.observe(Observation::WriteRefused { tool: live.write.tool.clone(), reason: message.into() });
        for asker in &live.askers {
            self.respond_error(asker.exchange, code, message, Some(delivered(sent)));
        }
    }

    pub(super) fn make_durable(&mut self, place: Place) {
        self.store_write(place);
        self.ahead.hold(Held::Receipts(place));
    }

    /// The write is on disk: those who asked are told, and it may be delivered.
    pub(crate) fn on_write_durable(&mut self, place: Place) {
        let Some(entry) = self.outbox.entries.get_mut(&place) else { return };
        entry.is_durable = true;
        entry.was_dead = false;
        let askers = core::mem::take(&mut entry.askers);
        let (key, tool) = (entry.write.key.clone(), entry.write.tool.clone());
        self.observe(Observation::WriteQueued { key, tool });
        for asker in askers {
            self.give_receipt(place, &asker);
        }
        self.deliver_next();
    }

    /// The store did not take the write: it is not queued, and nobody is told that it is (B-5.4).
    pub(crate) fn on_write_not_durable(&mut self, place: Place, reason: &str) {
        let Some(entry) = self.outbox.entries.get_mut(&place) else { return };
        let askers = core::mem::take(&mut entry.askers);
        let (tool, sent) = (entry.write.tool.clone(), entry.sent);
        if entry.was_dead {
            entry.is_durable = true;
            self.outbox.bury(place);
            self.store_write_again(place);
        } else {
            self.outbox.remove(place);
            self.forget_write_again(place);
        }
        let message = format!("the write could not be made durable, so it was not queued: {reason}");
        self.observe(Observation::WriteRefused { tool, reason: message.clone() });
        for asker in askers {
            self.respond_error(asker.exchange, code::CANNOT_QUEUE, &message, Some(delivered(sent)));
        }
        self.deliver_next();
        self.send_next_write();
    }

    /// Tells one who asked that the write is queued (B-5.4).
    pub(super) fn give_receipt(&mut self, place: Place, asker: &Asker) {
        let Some(entry) = self.outbox.get(place) else { return };
        let result = receipt(&entry.write.tool, &entry.write.key, asker.era);
        self.respond(asker.exchange, jsonrpc::result_response(&asker.id, &result));
    }

    /// The agent left an exchange. Whether that waited for a receipt: the write stays queued all the same.
    pub(super) fn leave_receipts(&mut self, exchange: ExchangeId) -> bool {
        for entry in self.outbox.entries.values_mut() {
            let before = entry.askers.len();
            entry.askers.retain(|asker| asker.exchange != exchange);
            if entry.askers.len() < before {
                return true;
            }
        }
        false
    }

    /// Removes a write for good.
    pub(crate) fn discard(&mut self, place: Place) {
        self.outbox.remove(place);
        self.forget_write(place);
        self.end_pause_of_empty_queue();
    }

    /// A dead letter is queued again, under the same key, behind what is queued (B-5.7, B-5.8).
    pub(crate) fn queue_again(&mut self, place: Place, asker: Option<Asker>) {
        let Some(dead) = self.outbox.remove(place) else { return };
        let mut entry = Entry::new(dead.write, self.now, asker.into_iter().collect());
        entry.enqueued_at = dead.enqueued_at;
        entry.was_dead = true;
        entry.last_error = dead.last_error;
        entry.relay_answer = dead.relay_answer;
        self.forget_write(place);
        let place = self.outbox.push(entry);
        self.make_durable(place);
    }
}

/// The result that says that a write is queued: the receipt, as the seed wrote it, and the same as text. Each is put
/// together at once, since `format!` copies again and again what grows.
fn receipt(tool: &str, key: &str, era: Era) -> String {
    let (tool, key) = (&*quoted(tool), &*quoted(key));
    let content =
        [r#"{"queued":true,"tool":"#, tool, r#","idempotencyKey":"#, key, r#","note":""#, NOTE, r#""}"#]
            .concat();
    // The text is a JSON text in a JSON string: what is constant in it is written as it comes out in the end.
    let twice = [quoted(tool), quoted(key)];
    let [tool, key] = twice.each_ref().map(|twice| &twice[1..twice.len() - 1]);
    let head = r#"{\n  \"queued\": true,\n  \"tool\": "#;
    let text =
        [head, tool, r#",\n  \"idempotencyKey\": "#, key, r#",\n  \"note\": \""#, NOTE, r#"\"\n}"#].concat();
    let head = match era {
        Era::Legacy => r#"{"content":[{"type":"text","text":""#,
        Era::Modern => r#"{"resultType":"complete","content":[{"type":"text","text":""#,
    };
    [head, &text, r#""}],"structuredContent":"#, &content, "}"].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn b_5_4_a_receipt_says_the_same_twice_whatever_the_names_are(tool in ".*", key in ".*") {
            let receipt: Value = serde_json::from_str(&receipt(&tool, &key, Era::Modern)).unwrap();
            let said = json!({ "queued": true, "tool": tool, "idempotencyKey": key, "note": NOTE });
            prop_assert_eq!(&receipt["structuredContent"], &said);
            let text = receipt["content"][0]["text"].as_str().unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(text).unwrap(), said);
            prop_assert_eq!(&receipt["resultType"], "complete");
        }
    }
}
