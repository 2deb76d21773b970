//! `relay-mcp-proxy status`.

use std::io::Write;
use std::time::Duration;

use http::Method;

use super::age::{bytes, count, span};
use super::error::CommandError;
use super::target::{Target, ask};
use super::{print, table, view};

/// Prints how things are with a running proxy.
///
/// # Errors
/// When the proxy does not answer, or the output cannot be written.
pub async fn status(target: &Target, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let body = ask(&target.client()?, Method::GET, "/v1/status", None).await?;
    if json {
        print::json(&body, out)?;
        return Ok(());
    }
    let status: view::Status = serde_json::from_slice(&body)?;
    table::write(&rows(&status), out)?;
    Ok(())
}

fn rows(status: &view::Status) -> Vec<[String; 2]> {
    let mut rows = vec![row("relay", relay(&status.relay)), row("", status.relay.url.clone())];
    rows.push(row("outbox", outbox(&status.outbox)));
    if status.outbox.paused {
        rows.push(row("", "paused: the relay refused the token, and delivery waits for another one".into()));
    }
    if status.outbox.dead_letters > 0 {
        rows.push(row("", dead_letters(status.outbox.dead_letters)));
    }
    let streams = count(status.streams, "event stream");
    rows.push(row("agent", format!("{streams} open, {}", count(status.sessions, "session"))));
    rows.push(row("context", context(&status.context)));
    rows.push(row("tools", visible(&status.tools)));
    if !status.tools.hidden.is_empty() {
        rows.push(row("", hidden(status)));
    }
    rows.push(row("proxy", format!("{}, {} engine", status.version, status.engine)));
    rows
}

fn row(name: &str, text: String) -> [String; 2] {
    [name.to_owned(), text]
}

fn relay(relay: &view::Relay) -> String {
    let since = span(Duration::from_millis(relay.since_ms));
    let era = relay.era.as_deref().map(|era| format!(", speaks the {era} era")).unwrap_or_default();
    match relay.state.as_str() {
        "unknown" => "not known yet: nothing was asked of it".to_owned(),
        state => format!("{state} for {since}{era}"),
    }
}

fn outbox(outbox: &view::Outbox) -> String {
    let size = bytes(outbox.bytes);
    match (outbox.depth, outbox.oldest_age_ms) {
        (0, _) => "empty: nothing waits for delivery".to_owned(),
        (depth, None) => format!("{} waiting, {size}", count(depth, "write")),
        (depth, Some(age)) => {
            let age = span(Duration::from_millis(age));
            format!("{} waiting, {size}, the oldest for {age}", count(depth, "write"))
        }
    }
}

fn dead_letters(letters: u64) -> String {
    format!("{} refused by the relay for good: see `outbox list`", count(letters, "write"))
}

/// The flags of a context: `isolatedWorktree=false`.
pub(super) fn context(context: &std::collections::BTreeMap<String, bool>) -> String {
    if context.is_empty() {
        return "no flags".to_owned();
    }
    let flags: Vec<String> = context.iter().map(|(flag, value)| format!("{flag}={value}")).collect();
    flags.join(" ")
}

/// How many tools the agent is shown.
pub(super) fn visible(tools: &view::Tools) -> String {
    match (tools.visible.len(), tools.hidden.len()) {
        (0, 0) => "none: no menu of the relay is known yet, or it is empty".to_owned(),
        (visible, hidden) => format!("{visible} of {} shown to the agent", visible + hidden),
    }
}

fn hidden(status: &view::Status) -> String {
    let names = status.tools.hidden.join(", ");
    let off: Vec<&str> =
        status.context.iter().filter(|(_, on)| !**on).map(|(flag, _)| flag.as_str()).collect();
    let why = match off.as_slice() {
        [] => "a menu rule needs a flag that the context does not have".to_owned(),
        [flag] => format!("a menu rule needs {flag}, which is false"),
        flags => format!("a menu rule needs a flag that is false ({})", flags.join(", ")),
    };
    format!("{} hidden, because {why}: {names}", status.tools.hidden.len())
}
