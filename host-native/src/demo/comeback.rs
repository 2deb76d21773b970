//! The third act: the relay is back.

use std::time::Instant;

use serde_json::{Value, json};

use super::agent::Agent;
use super::calm;
use super::events::Events;
use super::process::Process;
use super::proxy::Proxy;
use super::relay::{self, Arrival};
use super::stage::Stage;
use super::story::Sent;
use super::tell::{Told, count, ms, told};
use super::trouble::{Trouble, becomes, check};

/// The relay returns, and what waited for it arrives: once, in order (B-5.8, B-5.9). A write that is made at
/// that very moment does not overtake (B-5.5).
pub(super) async fn relay(
    stage: &Stage,
    agent: &mut Agent,
    proxy: &Proxy,
    writes: &mut Vec<Sent>,
) -> Result<Told<Process>, Trouble> {
    let (process, _) = relay::start(stage).await?;
    let back = Instant::now();
    let how = write_at_once(agent, writes).await?;
    becomes("the outbox", async || proxy.queued().await, Vec::new()).await?;
    let after = ms(back.elapsed());
    check("the dead letters", &proxy.status().await?["outbox"]["deadLetters"], &json!(0))?;
    let arrived = relay::arrivals(stage)?;
    let applied = arrived.iter().filter(|arrival| arrival.applied);
    let applied = applied.map(|Arrival { key, text, .. }| Sent { key: key.clone(), text: text.clone() });
    let applied: Vec<Sent> = applied.collect();
    check("what the relay applied, in order", texts(&applied), texts(writes))?;
    check("the keys of what it applied", &applied, writes)?;
    let lines = [
        format!("pid {}; the agent writes again at once, with a key of its own: {how}", process.id()),
        format!("{after} after its return the outbox is empty; over both its lives the relay applied:"),
    ];
    let list = writes.iter().enumerate().map(|(at, write)| line(at + 1, write, &arrived));
    told(process, lines.into_iter().chain(list).collect::<Vec<_>>())
}

fn texts(writes: &[Sent]) -> Vec<&str> {
    writes.iter().map(|write| write.text.as_str()).collect()
}

/// Makes a write while others wait. It is queued behind them, or, if they are gone by then, applied.
async fn write_at_once(agent: &mut Agent, writes: &mut Vec<Sent>) -> Result<&'static str, Trouble> {
    let (key, text) = ("the-agents-own-key", "All is well again.");
    let arguments = json!({ "channel": "general", "text": text, "idempotencyKey": key });
    let answer = agent.call("relay_send_message", &arguments).await?;
    writes.push(Sent { key: key.to_owned(), text: text.to_owned() });
    let said = &answer["result"]["structuredContent"];
    match (&said["queued"], &said["applied"]) {
        (Value::Bool(true), _) => Ok("queued behind the others"),
        (_, Value::Bool(true)) => Ok("the others were gone already"),
        _ => Err(Trouble::new("a receipt or an answer", &answer)),
    }
}

fn line(number: usize, write: &Sent, arrived: &[Arrival]) -> String {
    let came = arrived.iter().filter(|arrival| arrival.key == write.key).count();
    let text = format!("\"{}\"", write.text);
    let again = if came > 1 { format!(" (came {came} times)") } else { String::new() };
    format!("  {number}  {text:<28}{}{again}", write.key)
}

/// The agent's session works, though the relay had forgotten it (B-6.1).
pub(super) async fn normal(
    agent: &mut Agent,
    events: &mut Events,
    proxy: &Proxy,
) -> Result<Told<()>, Trouble> {
    let said = calm::whoami(agent).await?;
    proxy.set_isolated(false).await?;
    events.news_of_the_menu().await?;
    let menu = agent.menu().await?;
    let first = format!("same session, which the relay forgot and the proxy opened again: \"{said}\"");
    told(
        (),
        [
            first,
            format!("the worktree is given up: it is told, and sees {} again", count(menu.len(), "tool")),
        ],
    )
}

/// The agent ends its session. That ends its stream too, so that all news since the restart have been seen: the
/// return of the relay was none, since the menu was the same (B-9.9).
pub(super) async fn leave(mut agent: Agent, events: Events, proxy: &Proxy) -> Result<Told<()>, Trouble> {
    agent.leave().await?;
    events.end_without_news().await?;
    let status = proxy.status().await?;
    check(
        "the sessions and streams that are left",
        [&status["sessions"], &status["streams"]],
        [&json!(0); 2],
    )?;
    told(
        (),
        ["204, and its event stream ends; of its menu's changes it was told, and of nothing else".to_owned()],
    )
}
