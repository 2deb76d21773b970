//! The second act: the relay is gone, and then the proxy too.

use std::time::Instant;

use serde_json::{Value, json};

use super::agent::Agent;
use super::events::Events;
use super::process::Process;
use super::proxy::{Proxy, keys};
use super::relay;
use super::stage::Stage;
use super::story::Sent;
use super::tell::{Told, count, ms, told};
use super::trouble::{Expecting, Trouble, becomes, check};
use crate::commands::Offline;
use crate::commands::outbox::Outbox;

/// The seed's code for a relay that cannot be reached, for legacy agents (B-2.6).
const UNREACHABLE: i64 = -32002;

/// The relay dies after it applied a write and before it answered: the hardest case, since nobody on this side
/// can know (B-5.6).
pub(super) async fn relay_dies(
    stage: &Stage,
    relay: Process,
    agent: &mut Agent,
    writes: &mut Vec<Sent>,
) -> Result<Told<()>, Trouble> {
    let text = "Deploying to production.";
    let arguments = json!({ "channel": "general", "text": text, relay::NEVER_ANSWER: true });
    let kill = async {
        becomes("the writes at the relay", async || Ok(relay::arrivals(stage)?.len()), 2).await?;
        Ok((relay.kill()?, Instant::now()))
    };
    let (receipt, (pid, died)) = tokio::try_join!(queued(agent, "relay_send_message", &arguments), kill)?;
    let arrived = relay::arrivals(stage)?;
    check("the key that the relay saw", Some(&receipt), arrived.last().map(|last| &last.key))?;
    let seen =
        format!("pid {pid} is dead; {} later the agent has a receipt, not an error", ms(died.elapsed()));
    writes.push(Sent { key: receipt.clone(), text: text.to_owned() });
    told((), [seen, format!("queued under the key that the relay saw: {receipt}")])
}

/// What needs no relay is answered from memory; what needs one says so (B-2.5, B-2.8, B-4.4).
pub(super) async fn work_on(agent: &mut Agent) -> Result<Told<()>, Trouble> {
    let menu = agent.menu().await?;
    check("how many tools it remembers", menu.len(), relay::TOOLS.len())?;
    let pong = agent.ask("ping", &json!({})).await?;
    check("the answer to a ping", &pong["result"], &json!({}))?;
    let answer = agent.call("relay_whoami", &json!({})).await?;
    let error = &answer["error"];
    check("the error's code", &error["code"], &json!(UNREACHABLE))?;
    check("whether the call was delivered", &error["data"]["delivered"], &json!("no"))?;
    let says = error["message"].as_str().unwrap_or_default();
    told(
        (),
        [format!("menu from memory: {}; ping answered; relay_whoami: \"{says}\"", count(menu.len(), "tool"))],
    )
}

/// Two more writes are queued (B-5.4).
pub(super) async fn queue(
    agent: &mut Agent,
    proxy: &Proxy,
    writes: &mut Vec<Sent>,
) -> Result<Told<()>, Trouble> {
    let reply = json!({ "messageId": "m-1", "text": "On it." });
    let ready = json!({ "summary": "Ready to land." });
    for (tool, arguments, text) in
        [("relay_reply", reply, "On it."), ("relay_workspace_ready", ready, "Ready to land.")]
    {
        let key = queued(agent, tool, &arguments).await?;
        writes.push(Sent { key, text: text.to_owned() });
    }
    let waiting = proxy.queued().await?;
    check("the outbox", &waiting, &waiting_keys(writes))?;
    let title = "on disk before the agent was told; the runner sees them, oldest first:".to_owned();
    let list = waiting.iter().enumerate().map(|(at, key)| format!("  {}  {key}", at + 1));
    told((), std::iter::once(title).chain(list).collect::<Vec<_>>())
}

/// The proxy dies. What it accepted is on disk (B-5.9).
pub(super) async fn proxy_dies(
    stage: &Stage,
    proxy: Proxy,
    events: Events,
    writes: &[Sent],
) -> Result<Told<()>, Trouble> {
    let pid = proxy.kill()?;
    events.end_without_news().await?;
    let store = Offline::open(&stage.data()).expecting("the store that it left behind")?;
    let list = store.list().await.expecting("the store that it left behind")?;
    let list: Value = serde_json::from_slice(&list).expecting("a list of writes")?;
    let kept = keys(&list)?;
    check("the writes on disk", &kept, &waiting_keys(writes))?;
    told(
        (),
        [format!(
            "pid {pid} is dead; its data directory holds the same {}, in order",
            count(kept.len(), "write")
        )],
    )
}

/// The proxy returns as the runner knows the agent: with a worktree. The agent sees nothing of it, but for its
/// stream, which it opens again.
pub(super) async fn proxy_returns(
    stage: &Stage,
    agent: &mut Agent,
    writes: &[Sent],
) -> Result<Told<(Proxy, Events)>, Trouble> {
    let proxy = Proxy::start(stage, true).await?;
    let events = agent.listen().await?;
    let menu = agent.menu().await?;
    check("how many tools it remembers", menu.len(), relay::TOOLS.len())?;
    check("the outbox", proxy.queued().await?, waiting_keys(writes))?;
    let first =
        format!("pid {}; nothing was lost: {} queued, same keys, same order", proxy.id(), writes.len() - 1);
    let second =
        format!("the agent's secret and session still hold; menu from memory: {}", count(menu.len(), "tool"));
    told((proxy, events), [first, second])
}

/// A newer write goes behind those that wait (B-5.5).
pub(super) async fn queue_behind(
    agent: &mut Agent,
    proxy: &Proxy,
    writes: &mut Vec<Sent>,
) -> Result<Told<()>, Trouble> {
    let text = "Deployed.";
    let key = queued(agent, "relay_send_message", &json!({ "channel": "general", "text": text })).await?;
    writes.push(Sent { key: key.clone(), text: text.to_owned() });
    let waiting = proxy.queued().await?;
    check("the outbox", &waiting, &waiting_keys(writes))?;
    told((), [format!("  {}  {key}", waiting.len())])
}

/// Makes a write that cannot be delivered, checks the receipt, and gives the key.
async fn queued(agent: &mut Agent, tool: &str, arguments: &Value) -> Result<String, Trouble> {
    let answer = agent.call(tool, arguments).await?;
    let receipt = &answer["result"]["structuredContent"];
    if receipt["queued"] != true || receipt["tool"] != tool {
        return Err(Trouble::new(format!("a receipt for {tool}"), &answer));
    }
    let key = receipt["idempotencyKey"].as_str().expecting("an idempotency key in the receipt")?;
    check("the kind of key", key.starts_with(&format!("mcp-{tool}-")), true)?;
    Ok(key.to_owned())
}

/// The keys of all writes but the first, which was answered.
fn waiting_keys(writes: &[Sent]) -> Vec<String> {
    writes.iter().skip(1).map(|write| write.key.clone()).collect()
}
