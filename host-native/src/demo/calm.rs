//! The first act: all are there.

use std::time::Instant;

use serde_json::{Value, json};

use super::agent::{Agent, NAME, REVISION};
use super::events::Events;
use super::process::Process;
use super::proxy::Proxy;
use super::relay::{self, Arrival};
use super::stage::Stage;
use super::story::Sent;
use super::tell::{Told, count, ms, told};
use super::trouble::{Expecting, Trouble, check};
use crate::secret;

/// The tools that an agent without a worktree of its own is shown.
const EVERYBODYS: [&str; 3] = ["relay_send_message", "relay_reply", "relay_whoami"];

/// The relay starts.
pub(super) async fn relay(stage: &Stage) -> Result<Told<Process>, Trouble> {
    let (process, url) = relay::start(stage).await?;
    let refused = Agent::new(&url, None)?.knock().await?;
    check("the relay's answer to somebody without its token", refused, 401)?;
    let tools = count(relay::TOOLS.len(), "tool");
    let seen = format!("pid {} at {url}, {tools}; without its token: 401", process.id());
    told(process, [seen])
}

/// The proxy starts.
pub(super) async fn proxy(stage: &Stage) -> Result<Told<Proxy>, Trouble> {
    let proxy = Proxy::start(stage, false).await?;
    let token = secret::read_text(&stage.relay_token()).expecting("the relay's token in its file")?;
    let secret =
        secret::read_text(&stage.data().secret_path()).expecting("the agent's secret in its file")?;
    let refused = Agent::new(&relay::url(stage), Some(&secret))?.knock().await?;
    check("the relay's answer to the agent's secret", refused, 401)?;
    let refused = Agent::new(proxy.url(), Some(&token))?.knock().await?;
    check("the proxy's answer to the relay's token", refused, 401)?;
    let seen = format!("pid {} at {}; it has the relay's token, the agent will not", proxy.id(), proxy.url());
    told(
        proxy,
        [seen, "the agent gets a secret of its own; either door answers the other's key with 401".into()],
    )
}

/// The agent connects.
pub(super) async fn connect(stage: &Stage, proxy: &Proxy) -> Result<Told<(Agent, Events)>, Trouble> {
    let secret =
        secret::read_text(&stage.data().secret_path()).expecting("the agent's secret in its file")?;
    let mut agent = Agent::new(proxy.url(), Some(&secret))?;
    let hello = agent.greet().await?;
    check("the server's name", &hello["serverInfo"]["name"], &json!(relay::NAME))?;
    check("the revision", &hello["protocolVersion"], &json!(REVISION))?;
    check("tools.listChanged", &hello["capabilities"]["tools"]["listChanged"], &json!(true))?;
    let events = agent.listen().await?;
    let seen = format!(
        "greeted by {}, {REVISION}, tools.listChanged: true; session {}",
        relay::NAME,
        agent.session()
    );
    told((agent, events), [seen])
}

/// The menu is narrowed (B-4.1, B-4.2).
pub(super) async fn menu(agent: &mut Agent, proxy: &Proxy) -> Result<Told<()>, Trouble> {
    let shown = agent.menu().await?;
    check("the menu", &shown[..], &EVERYBODYS.map(str::to_owned))?;
    let hidden = names(&proxy.status().await?["tools"]["hidden"]);
    let expected = relay::TOOLS.iter().map(|tool| tool.name).filter(|name| !EVERYBODYS.contains(name));
    check("the hidden tools", &hidden, &expected.map(str::to_owned).collect())?;
    let first = format!("shown {} of {}: {}", shown.len(), relay::TOOLS.len(), shown.join(", "));
    let short: Vec<_> = hidden.iter().map(|name| name.trim_start_matches("relay_workspace_")).collect();
    told(
        (),
        [
            first,
            format!("hidden {}, without a worktree: relay_workspace_{{{}}}", hidden.len(), short.join(", ")),
        ],
    )
}

fn names(list: &Value) -> Vec<String> {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// An ordinary call passes through (B-5.1).
pub(super) async fn call(agent: &mut Agent) -> Result<Told<()>, Trouble> {
    let began = Instant::now();
    let said = whoami(agent).await?;
    told((), [format!("relay_whoami, {} there and back: \"{said}\"", ms(began.elapsed()))])
}

/// Calls `relay_whoami`, and checks that the relay knows the agent.
pub(super) async fn whoami(agent: &mut Agent) -> Result<String, Trouble> {
    let answer = agent.call("relay_whoami", &json!({})).await?;
    let result = &answer["result"];
    check("the agent that the relay sees", &result["structuredContent"]["agent"], &json!(NAME))?;
    Ok(result["content"][0]["text"].as_str().unwrap_or_default().to_owned())
}

/// A write while the relay is up: applied before the agent is answered, with a key of the proxy's (B-5.3).
pub(super) async fn write(
    stage: &Stage,
    agent: &mut Agent,
    writes: &mut Vec<Sent>,
) -> Result<Told<()>, Trouble> {
    let text = "The build is green.";
    let answer = agent.call("relay_send_message", &json!({ "channel": "general", "text": text })).await?;
    check("the relay's answer", &answer["result"]["structuredContent"]["applied"], &json!(true))?;
    let arrived = relay::arrivals(stage)?;
    let [Arrival { key, applied: true, .. }] = &arrived[..] else {
        return Err(Trouble::new("one message, applied", format!("{arrived:?}")));
    };
    check("the kind of key", key.starts_with("mcp-relay_send_message-"), true)?;
    let seen = format!("\"{text}\", with a key that the proxy put in: {key}");
    writes.push(Sent { key: key.clone(), text: text.to_owned() });
    told((), [seen])
}

/// The context changes, and the agent is told (B-4.6).
pub(super) async fn worktree(
    agent: &mut Agent,
    events: &mut Events,
    proxy: &Proxy,
) -> Result<Told<()>, Trouble> {
    let began = Instant::now();
    proxy.set_isolated(true).await?;
    events.news_of_the_menu().await?;
    let after = ms(began.elapsed());
    let shown = agent.menu().await?;
    check("the menu", &shown, &relay::TOOLS.iter().map(|tool| tool.name.to_owned()).collect())?;
    let seen = format!("tools/list_changed came {after} after isolatedWorktree=true");
    told((), [format!("{seen}; it asks again: {} of {}", shown.len(), relay::TOOLS.len())])
}
