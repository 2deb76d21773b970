//! `relay-mcp-proxy outbox list|show|retry|discard`.
//!
//! The commands know the outbox only as an [`Outbox`], so that they read the same whether a proxy runs or
//! only its store is there: pass a [`Client`] (see [`Target::client`](super::Target::client)) for the first.

use std::io::Write;

use bytes::Bytes;
use http::Method;

use super::age::{count, since};
use super::error::CommandError;
use super::target::ask;
use super::{print, table, view};
use crate::control::Client;
use crate::telemetry::one_line::escaped;

/// Where the writes are. Each answer is the JSON text of the control API's (B-10).
pub trait Outbox {
    /// `GET /v1/outbox`.
    fn list(&self) -> impl Future<Output = Result<Bytes, CommandError>>;
    /// `GET /v1/outbox/KEY`.
    fn show(&self, key: &str) -> impl Future<Output = Result<Bytes, CommandError>>;
    /// `POST /v1/outbox/KEY/retry`.
    fn retry(&self, key: &str) -> impl Future<Output = Result<Bytes, CommandError>>;
    /// `DELETE /v1/outbox/KEY`.
    fn discard(&self, key: &str) -> impl Future<Output = Result<Bytes, CommandError>>;
}

/// The outbox of a running proxy.
impl Outbox for Client {
    async fn list(&self) -> Result<Bytes, CommandError> {
        ask(self, Method::GET, "/v1/outbox", None).await
    }

    async fn show(&self, key: &str) -> Result<Bytes, CommandError> {
        ask(self, Method::GET, &Self::write_path(key), None).await
    }

    async fn retry(&self, key: &str) -> Result<Bytes, CommandError> {
        ask(self, Method::POST, &format!("{}/retry", Self::write_path(key)), None).await
    }

    async fn discard(&self, key: &str) -> Result<Bytes, CommandError> {
        ask(self, Method::DELETE, &Self::write_path(key), None).await
    }
}

/// Prints all writes, oldest first.
///
/// # Errors
/// When the outbox cannot be read, or the output cannot be written.
pub async fn list(outbox: &impl Outbox, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let body = outbox.list().await?;
    if json {
        print::json(&body, out)?;
        return Ok(());
    }
    let view::Entries { entries } = serde_json::from_slice(&body)?;
    if entries.is_empty() {
        writeln!(out, "the outbox is empty")?;
        return Ok(());
    }
    let head = ["KEY", "TOOL", "STATE", "TRIES", "AGE", "LAST ERROR"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(entries.into_iter().map(entry_row)).collect();
    table::write(&rows, out)?;
    Ok(())
}

fn entry_row(entry: view::Entry) -> [String; 6] {
    [
        entry.key,
        entry.tool,
        entry.state,
        entry.attempts.to_string(),
        since(entry.enqueued_at),
        entry.last_error.unwrap_or_default(),
    ]
}

/// Prints one write, with what it says.
///
/// # Errors
/// When there is no such write, when the outbox cannot be read, or when the output cannot be written.
pub async fn show(
    outbox: &impl Outbox,
    key: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let body = outbox.show(key).await?;
    if json {
        print::json(&body, out)?;
        return Ok(());
    }
    let write: view::Write = serde_json::from_slice(&body)?;
    let entry = write.entry;
    let mut rows = vec![
        ["key".to_owned(), entry.key],
        ["tool".to_owned(), entry.tool],
        ["state".to_owned(), state(&entry.state)],
        ["tries".to_owned(), count(entry.attempts, "attempt")],
        ["age".to_owned(), since(entry.enqueued_at)],
    ];
    rows.extend(entry.last_error.map(|error| ["last error".to_owned(), error]));
    table::write(&rows, out)?;
    document("params", &write.params, out)?;
    match &write.relay_answer {
        Some(answer) => document("the relay's answer", answer, out),
        None => Ok(()),
    }
}

fn state(state: &str) -> String {
    match state {
        "queued" => "queued: it waits for delivery".to_owned(),
        "dead" => "dead: the relay refused it for good; `outbox retry` queues it again".to_owned(),
        other => other.to_owned(),
    }
}

/// A JSON text, indented for reading; a text that is no JSON as it is.
fn document(title: &str, text: &str, out: &mut impl Write) -> Result<(), CommandError> {
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    let text = match value {
        Ok(value) => serde_json::to_string_pretty(&value)?,
        Err(_) => text.to_owned(),
    };
    writeln!(out, "\n{title}:")?;
    for line in text.lines() {
        writeln!(out, "  {}", escaped(line))?;
    }
    Ok(())
}

/// Queues a dead letter again, under the same key.
///
/// # Errors
/// When there is no such write or it is not dead, when the outbox cannot be changed, or when the output
/// cannot be written.
pub async fn retry(
    outbox: &impl Outbox,
    key: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let body = outbox.retry(key).await?;
    report(&body, json, format!("{} is queued again", escaped(key)), out)
}

/// Removes a write for good.
///
/// # Errors
/// When there is no such write, when the outbox cannot be changed, or when the output cannot be written.
pub async fn discard(
    outbox: &impl Outbox,
    key: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let body = outbox.discard(key).await?;
    report(&body, json, format!("{} is discarded", escaped(key)), out)
}

fn report(body: &[u8], json: bool, sentence: String, out: &mut impl Write) -> Result<(), CommandError> {
    if json {
        print::json(body, out)?;
    } else {
        writeln!(out, "{sentence}")?;
    }
    Ok(())
}
