//! An agent that never rests: reads, lists, signs of life and writes, one after the other, on one connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use relay_mcp_tests::agent::{Agent, Line, names};
use relay_mcp_tests::crash::Promised;
use relay_mcp_tests::http1::Answer;
use relay_mcp_tests::relay::tools::VISIBLE;
use serde_json::{Value, json};

/// What an agent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A call that is not bufferable.
    Read,
    List,
    /// `ping`, or what a modern agent has in its place.
    Sign,
    Write,
}

/// One in two is a read: what an outage costs is seen by them.
const ROUND: [Kind; 6] = [Kind::Read, Kind::List, Kind::Read, Kind::Sign, Kind::Read, Kind::Write];

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As if there were no proxy.
    Answered,
    /// With a receipt.
    Queued,
    /// With the error that says that the relay is away, and whether the request was delivered.
    Away { delivered: String },
    /// In any other way.
    Wrong(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) kind: Kind,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    pub(crate) outcome: Outcome,
}

/// All attempts of one agent so far.
pub(crate) type Log = Arc<Mutex<Vec<Attempt>>>;

/// An agent at work.
pub(crate) struct Busy {
    pub(crate) name: String,
    pub(crate) agent: Agent,
    pub(crate) is_modern: bool,
    pub(crate) log: Log,
}

impl Busy {
    /// Goes on until it is told to stop; what it was promised.
    pub(crate) async fn work(self, stop: Arc<AtomicBool>) -> Promised {
        let mut line = Line::default();
        let mut promised = Promised::default();
        for (number, kind) in ROUND.into_iter().cycle().enumerate() {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let text = format!("{}-{number}", self.name);
            let begun = Instant::now();
            let answer = line.send(self.ask(kind, &text)).await;
            let ended = Instant::now();
            let outcome = match answer {
                Ok(answer) => self.outcome(kind, &text, &answer),
                Err(error) => Outcome::Wrong(error),
            };
            if kind == Kind::Write && matches!(outcome, Outcome::Answered | Outcome::Queued) {
                promised.queued += usize::from(outcome == Outcome::Queued);
                promised.texts.push(text);
            }
            self.log.lock().unwrap().push(Attempt { kind, begun, ended, outcome });
        }
        promised
    }

    fn ask(&self, kind: Kind, text: &str) -> relay_mcp_tests::agent::Ask {
        let arguments = json!({ "text": text }).to_string();
        match kind {
            Kind::Read => self.agent.tool("relay_list_messages", &arguments),
            Kind::List => self.agent.request("tools/list", &json!({})),
            Kind::Sign if self.is_modern => self.agent.request("server/discover", &json!({})),
            Kind::Sign => self.agent.request("ping", &json!({})),
            Kind::Write => self.agent.tool("relay_reply", &arguments),
        }
    }

    fn outcome(&self, kind: Kind, text: &str, answer: &Answer) -> Outcome {
        let wrong = || Outcome::Wrong(format!("{}: {}", answer.status, answer.text()));
        let Ok(message) = serde_json::from_slice::<Value>(&answer.body) else { return wrong() };
        let (error, result) = (&message["error"], &message["result"]);
        let away = if self.is_modern { -31002 } else { -32002 };
        if kind == Kind::Read && answer.status == 200 && error["code"] == away {
            let delivered = error["data"]["delivered"].as_str().unwrap_or_default().to_owned();
            return Outcome::Away { delivered };
        }
        if answer.status != 200 || !result.is_object() {
            return wrong();
        }
        let content = &result["structuredContent"];
        let is_right = match kind {
            Kind::Read => result["content"][0]["text"].as_str().is_some_and(|said| said.contains(text)),
            Kind::List => names(result) == VISIBLE,
            Kind::Sign if self.is_modern => result["capabilities"]["tools"]["listChanged"] == true,
            Kind::Sign => *result == json!({}),
            Kind::Write if content["queued"] == true => return Outcome::Queued,
            Kind::Write => content["number"].is_u64(),
        };
        if is_right { Outcome::Answered } else { wrong() }
    }
}
