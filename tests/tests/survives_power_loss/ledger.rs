//! What was said on the wire: which writes were made, accepted and delivered.

use std::collections::{BTreeMap, BTreeSet};

use relay_mcp_tests::disk::Op;

/// How much of what was heard before may belong to what is heard now.
const TAIL: usize = 2048;

/// The writes by key.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// They reached the proxy.
    pub(crate) asked: BTreeSet<String>,
    /// The agent has a receipt.
    pub(crate) accepted: BTreeSet<String>,
    /// The relay has answered.
    pub(crate) delivered: BTreeSet<String>,
    /// The end of what was said and heard on each socket, since a message may come in pieces.
    tails: BTreeMap<(bool, i64), Vec<u8>>,
    /// On which socket the relay has which write before it.
    carries: BTreeMap<i64, String>,
}

impl Ledger {
    /// The writes that the store must hold.
    pub(crate) fn owed(&self) -> impl Iterator<Item = &String> {
        self.accepted.difference(&self.delivered)
    }

    pub(crate) fn note(&mut self, op: &Op) {
        match op {
            Op::Begin => {
                self.tails.clear();
                self.carries.clear();
            }
            Op::Close { file } => {
                self.tails.remove(&(true, *file));
                self.tails.remove(&(false, *file));
                self.carries.remove(file);
            }
            Op::Said { socket, bytes } => {
                let text = self.with_tail((true, *socket), bytes);
                for key in keys_in(&text) {
                    if text.contains(r#""queued":true"#) {
                        self.accepted.insert(key);
                    } else if text.contains("tools/call") {
                        self.carries.insert(*socket, key);
                    }
                }
            }
            Op::Heard { socket, bytes } => {
                if let Some(key) = self.carries.remove(socket) {
                    self.delivered.insert(key);
                    return;
                }
                let text = self.with_tail((false, *socket), bytes);
                if text.contains("tools/call") {
                    self.asked.extend(keys_in(&text));
                }
            }
            _ => {}
        }
    }

    fn with_tail(&mut self, side: (bool, i64), bytes: &[u8]) -> String {
        let tail = self.tails.entry(side).or_default();
        tail.extend_from_slice(bytes);
        let text = String::from_utf8_lossy(tail).into_owned();
        tail.drain(..tail.len().saturating_sub(TAIL));
        text
    }
}

/// The keys of the script that a text names.
fn keys_in(text: &str) -> Vec<String> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    // One that is cut off in the middle of its number comes again with what follows.
    let is_whole = |at: usize, number: &str| text[at + 5 + number.len()..].starts_with(['"', '\\']);
    let named = text.match_indices("\"key-").map(|(at, _)| (at, digits(&text[at + 5..])));
    named.filter(|(at, number)| is_whole(*at, number)).map(|(_, number)| format!("key-{number}")).collect()
}
