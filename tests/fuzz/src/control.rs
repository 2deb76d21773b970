//! The control API. The input is what a runner says on one connection, byte for byte; it begins with `+` where that
//! connection is a TCP one, which wants a secret. Behind the API is the real machine.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use relay_mcp_core::door::Secret;
use relay_mcp_core::{Command, Config, Reply, Sent};
use relay_mcp_host_native::control::{self, Info};
use relay_mcp_host_native::handle::{Handle, Question};
use relay_mcp_host_native::telemetry::Metrics;
use relay_mcp_host_native::token::TokenSource;
use relay_mcp_tests::world::{Host, messages};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// What opens the control listener, and what the relay is shown.
const SECRET: &str = "the-secret-of-the-runner";
const TOKEN: &str = "the-token-of-the-relay";

/// Every status that the API or HTTP itself has for a request (B-10).
const STATUSES: [u16; 17] =
    [100, 200, 202, 400, 401, 403, 404, 405, 408, 409, 413, 414, 431, 500, 502, 503, 504];

/// Says something to the control API, and asks for a write by any name.
///
/// # Panics
/// When something does not hold.
pub fn check(bytes: &[u8]) {
    let (secret, said) = match bytes.strip_prefix(b"+") {
        Some(said) => (Some(SECRET), said),
        None => (None, bytes),
    };
    let (heard, asked) = converse(said, secret);
    // Who says something may hear it again, such as in a key.
    let says = |text: &str| said.windows(text.len()).any(|window| window == text.as_bytes());
    let knows_secret = says(SECRET);
    for (status, body) in answers(&heard) {
        assert!(STATUSES.contains(&status), "{status}");
        let shows = |text: &str| String::from_utf8_lossy(body).contains(text) && !says(text);
        assert!(!shows(TOKEN) && !shows(SECRET), "B-9.6: {status}");
        assert!(secret.is_none() || knows_secret || status >= 400, "B-8.1: {status} without the secret");
    }
    assert!(secret.is_none() || knows_secret || asked.is_empty(), "B-8.1: {asked:?} without the secret");
    if let Some(key) = std::str::from_utf8(said).ok().and_then(|text| text.lines().next_back()) {
        check_key(key);
    }
}

/// Any text can be a key.
fn check_key(key: &str) {
    if key.is_empty() || key.len() > 1000 {
        return;
    }
    let segment: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let line = format!("GET /v1/outbox/{segment} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (heard, asked) = converse(line.as_bytes(), None);
    assert!(asked.contains(&format!("{:?}", Command::ShowWrite(key.to_owned()))), "{asked:?}");
    let answers = answers(&heard);
    let [(status, body)] = &answers[..] else { panic!("one answer, not {answers:?}") };
    let body: Value = serde_json::from_slice(body).expect("JSON");
    match status {
        200 => assert_eq!(body["key"], key),
        404 => {
            assert!(body["error"].as_str().is_some_and(|error| error.contains(&format!("`{key}`"))), "{body}")
        }
        other => panic!("{other}"),
    }
}

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    static HOST: RefCell<Host> = RefCell::new(with_writes());
}

/// A proxy with one write that waits and one that the relay refused.
fn with_writes() -> Host {
    let mut host = Host::new(Config::default());
    host.tick();
    host.request(messages::keyed_write(1, "dead/1", "no"));
    host.relay_says(400, &json!({ "error": "no such channel" }));
    host.request(messages::keyed_write(2, "queued-1", "yes"));
    host.relay_is_away();
    host.store_all();
    host
}

/// All that is heard, and what reached the machine.
fn converse(said: &[u8], secret: Option<&str>) -> (Vec<u8>, BTreeSet<String>) {
    let host = HOST.with_borrow(Clone::clone);
    RUNTIME.with(|runtime| runtime.block_on(conversation(said, secret, host)))
}

async fn conversation(said: &[u8], secret: Option<&str>, host: Host) -> (Vec<u8>, BTreeSet<String>) {
    let (runner, proxy) = tokio::io::duplex(64 << 10);
    let token = TokenSource::fixed(Some(TOKEN));
    let (handle, questions, stop) = Handle::new(token.clone());
    let info =
        Info { version: "1".into(), engine: "native", relay_url: "https://relay.example/api/mcp".into() };
    let metrics = Metrics::new("1", "native");
    let served = control::converse(proxy, secret.map(Secret::new), handle, metrics, info, stop);
    let (ear, mouth) = tokio::io::split(runner);
    let progress = Cell::new(0);
    let (_, (), asked, heard) = tokio::join!(
        served,
        speak(mouth, said, &progress),
        play(host, questions, &progress),
        listen(ear, &progress)
    );
    if let Some(current) = token.current().map(|token| token.header()) {
        let token = current.as_bytes().strip_prefix(b"Bearer ");
        assert!(token.is_some_and(|token| token.iter().all(u8::is_ascii_graphic)), "B-2.2: a token fits");
    }
    (heard, asked)
}

/// How often nothing may happen until nothing more will: all is in this process, and on one thread.
const PATIENCE: u32 = 32;

/// Says it all, and hangs up when nothing more comes of it: who does so at once gets no answer.
async fn speak(mut mouth: WriteHalf<DuplexStream>, said: &[u8], progress: &Cell<u64>) {
    // Whoever has heard enough does not listen to the rest.
    let _ = mouth.write_all(said).await;
    let (mut seen, mut idle) = (progress.get(), 0);
    while idle < PATIENCE {
        tokio::task::yield_now().await;
        idle = if progress.get() == seen { idle + 1 } else { 0 };
        seen = progress.get();
    }
    let _ = mouth.shutdown().await;
}

async fn listen(mut ear: ReadHalf<DuplexStream>, progress: &Cell<u64>) -> Vec<u8> {
    let mut heard = Vec::new();
    while ear.read_buf(&mut heard).await.expect("a connection in memory") > 0 {
        progress.set(progress.get() + 1);
    }
    heard
}

/// Answers what is asked until nobody can ask any more.
async fn play(
    mut host: Host,
    mut questions: mpsc::UnboundedReceiver<Question>,
    progress: &Cell<u64>,
) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    while let Some(Question { command, reply }) = questions.recv().await {
        progress.set(progress.get() + 1);
        asked.insert(format!("{command:?}"));
        let _ = reply.send(answer(&mut host, command));
    }
    asked
}

fn answer(host: &mut Host, command: Command) -> Reply {
    let asked = host.command(command);
    loop {
        host.store_all();
        if let Some(Some(reply)) = host.replies.get(&asked) {
            return reply.clone();
        }
        let open: Vec<_> = host.calls.keys().copied().collect();
        open.into_iter().for_each(|call| host.fail(call, Sent::No, "connection refused"));
        host.pass_to_wakeup();
    }
}

/// The answers on a connection: status and body of each.
fn answers(mut heard: &[u8]) -> Vec<(u16, &[u8])> {
    let mut answers = Vec::new();
    while !heard.is_empty() {
        let end = heard.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
        let head = std::str::from_utf8(&heard[..end]).expect("a head of ASCII").to_ascii_lowercase();
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.strip_prefix("http/1.").and_then(|rest| rest.get(2..5)));
        let status: u16 = status.and_then(|status| status.parse().ok()).expect("a status");
        let fields: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").expect("a header")).collect();
        let value = |name| fields.iter().find(|(of, _)| *of == name).map(|(_, value)| *value);
        let length: usize = value("content-length").map_or(0, |length| length.parse().expect("a length"));
        // What has no body may say its length all the same.
        let rest = &heard[end + 4..];
        let (body, rest) =
            rest.split_at(if rest.starts_with(b"HTTP/1.") { 0 } else { length.min(rest.len()) });
        if value("content-type") == Some("application/json") && !body.is_empty() {
            let body: Value = serde_json::from_slice(body).expect("a body of JSON");
            assert!(status < 400 || body["error"].is_string(), "{status}: {body}");
        }
        answers.push((status, body));
        heard = rest;
    }
    answers
}
