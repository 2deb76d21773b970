//! Writers for crash tests: each writes in its own order, keeps at a write until it is accepted, and notes
//! what was promised to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::relay::Write;

/// Whether the writer's keys are its own, or minted by the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Its own: an attempt that failed is made again under the same key.
    Own,
    /// The proxy's: an attempt that failed is not made again, and may or may not have been accepted.
    Minted,
}

/// What a writer was promised, in its order.
#[derive(Clone, Debug, Default)]
pub struct Promised {
    pub texts: Vec<String>,
    /// How many of them with a receipt instead of the relay's own answer.
    pub queued: usize,
    /// Attempts that broke off.
    pub broken: usize,
    /// Attempts that were refused with an error.
    pub refused: usize,
}

/// Writes until it is told to stop.
pub async fn write_until(agent: Agent, name: String, keys: Keys, stop: Arc<AtomicBool>) -> Promised {
    let mut promised = Promised::default();
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        let text = format!("{name}-{number}");
        match attempt(&agent, &text, keys).await {
            Outcome::Accepted { queued } => {
                promised.texts.push(text);
                promised.queued += usize::from(queued);
                number += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Outcome::Broken => {
                promised.broken += 1;
                number += usize::from(keys == Keys::Minted);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Outcome::Refused => {
                promised.refused += 1;
                number += usize::from(keys == Keys::Minted);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    promised
}

enum Outcome {
    Accepted { queued: bool },
    Broken,
    Refused,
}

async fn attempt(agent: &Agent, text: &str, keys: Keys) -> Outcome {
    let mut arguments = json!({"text": text});
    if keys == Keys::Own {
        arguments["idempotencyKey"] = json!(format!("key-{text}"));
    }
    let Ok(answer) = agent.tool("relay_reply", &arguments.to_string()).try_send().await else {
        return Outcome::Broken;
    };
    match serde_json::from_slice::<Value>(&answer.body)
        .ok()
        .and_then(|mut body| body.get_mut("result").map(Value::take))
    {
        Some(result) => Outcome::Accepted { queued: result["structuredContent"]["queued"] == true },
        None => Outcome::Refused,
    }
}

/// What is wrong with what a relay applied, given what was promised: one sentence for each write that was
/// lost, applied twice, or applied in another order than its writer's.
#[must_use]
pub fn complaints(promised: &[Promised], applied: &[Write]) -> Vec<String> {
    let applied: Vec<String> = applied.iter().map(Write::text).collect();
    let mut complaints = Vec::new();
    let known: BTreeSet<&String> = applied.iter().collect();
    for text in promised.iter().flat_map(|promised| &promised.texts) {
        if !known.contains(text) {
            complaints.push(format!("{text} was accepted and is lost"));
        }
    }
    let mut seen = BTreeMap::<&str, u64>::new();
    for text in &applied {
        let (name, number) = text.rsplit_once('-').expect("writer-number");
        let number = number.parse::<u64>().expect("writer-number");
        match seen.get(name) {
            Some(last) if *last == number => complaints.push(format!("{text} was applied twice")),
            Some(last) if *last > number => {
                complaints.push(format!("{text} was applied after {name}-{last}"))
            }
            _ => {}
        }
        seen.entry(name).and_modify(|last| *last = (*last).max(number)).or_insert(number);
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &str) -> Write {
        Write { key: text.into(), tool: "t".into(), arguments: json!({"text": text}) }
    }

    #[test]
    fn it_sees_what_is_lost_doubled_or_turned_around() {
        let promised = [Promised { texts: vec!["a-0".into(), "a-1".into()], ..Promised::default() }];
        assert_eq!(complaints(&promised, &["a-0", "b-7", "a-1"].map(write)), [""; 0]);
        assert_eq!(complaints(&promised, &["a-0"].map(write)).len(), 1, "lost");
        assert_eq!(complaints(&promised, &["a-0", "a-1", "a-1"].map(write)).len(), 1, "twice");
        assert_eq!(complaints(&promised, &["a-1", "a-0"].map(write)).len(), 1, "turned around");
    }
}
