//! A relay that keeps each byte, and answers with whatever bytes it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use relay_mcp_tests::agent::Raw;
use relay_mcp_tests::proxy::{Proxy, ProxyBuilder};
use relay_mcp_tests::wait::within;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Long enough for an answer to arrive, so that what is said then is said to nobody.
const LATER: Duration = Duration::from_millis(200);

/// A request of a JSON-RPC method that no other rule knows.
pub(crate) const ASK: &str = r#"{"jsonrpc":"2.0","id":1,"method":"x/y"}"#;

/// A request as it stood on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// What it answers to a request that has this in its body.
#[derive(Clone, Debug)]
struct Answer {
    to: &'static str,
    bytes: Vec<u8>,
    /// And what it says later, though nobody asked any more.
    later: Vec<u8>,
    then_closes: bool,
}

/// The relay.
pub(crate) struct WireRelay {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Mutex<Option<Answer>>>,
    has_said_more: Arc<Notify>,
}

impl WireRelay {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, answer, has_said_more) = (Arc::default(), Arc::default(), Arc::new(Notify::new()));
        let (keeps, answers, says) = (Arc::clone(&seen), Arc::clone(&answer), Arc::clone(&has_said_more));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&keeps), Arc::clone(&answers), Arc::clone(&says)));
            }
        });
        Self { port, seen, answer, has_said_more }
    }

    /// A proxy of it.
    pub(crate) fn proxy(&self) -> ProxyBuilder {
        Proxy::to_url(&format!("http://127.0.0.1:{}", self.port)).relay_timeout("5s")
    }

    /// What came since this was asked last.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// From here on, whatever has this in its body is answered with these bytes.
    pub(crate) fn answers(&self, to: &'static str, bytes: impl Into<Vec<u8>>) {
        self.will(Answer { to, bytes: bytes.into(), later: Vec::new(), then_closes: false });
    }

    /// The same, and the connection is closed behind them.
    pub(crate) fn answers_and_closes(&self, to: &'static str, bytes: impl Into<Vec<u8>>) {
        self.will(Answer { to, bytes: bytes.into(), later: Vec::new(), then_closes: true });
    }

    /// The same, and it says more when the answer has long arrived.
    pub(crate) fn answers_and_goes_on(&self, to: &'static str, bytes: Vec<u8>, later: Vec<u8>) {
        self.will(Answer { to, bytes, later, then_closes: false });
    }

    /// Returns when it has said more.
    pub(crate) async fn has_gone_on(&self) {
        within("the relay says more", self.has_said_more.notified()).await;
    }

    fn will(&self, answer: Answer) {
        *self.answer.lock().unwrap() = Some(answer);
    }
}

async fn serve(
    mut connection: TcpStream,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Mutex<Option<Answer>>>,
    has_said_more: Arc<Notify>,
) {
    let mut unread = Vec::new();
    while let Some(request) = read(&mut connection, &mut unread).await {
        let told = answer.lock().unwrap().clone().filter(|answer| request.body.contains(answer.to));
        let honest = || Answer { to: "", bytes: good(&request.body), later: Vec::new(), then_closes: false };
        let answer = told.unwrap_or_else(honest);
        seen.lock().unwrap().push(request);
        if connection.write_all(&answer.bytes).await.is_err() || answer.then_closes {
            return;
        }
        if !answer.later.is_empty() {
            tokio::time::sleep(LATER).await;
            connection.write_all(&answer.later).await.ok();
            has_said_more.notify_one();
        }
    }
}

/// The next request; it must have a length, as all that the proxy sends.
async fn read(connection: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&unread[..end]).into_owned();
    let length = header(&head, "content-length").first().map_or(0, |value| value.parse().unwrap());
    while unread.len() < end + length {
        if connection.read_buf(unread).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&unread[end..end + length]).into_owned();
    unread.drain(..end + length);
    Some(Seen { head, body })
}

impl Seen {
    /// Fails unless it is one request as HTTP has it, of which nobody can think otherwise.
    pub(crate) fn is_plain(&self) {
        let Self { head, body } = self;
        assert!(head.starts_with("POST /api/mcp HTTP/1.1\r\n"), "{head:?}");
        for line in head.trim_end_matches("\r\n").split("\r\n").skip(1) {
            let (name, value) =
                line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?} of {head:?}"));
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(!name.is_empty() && name.bytes().all(is_token), "{line:?}");
            assert!(!value.contains(|c: char| c.is_control()), "{line:?}");
        }
        assert_eq!(header(head, "content-length"), [body.len().to_string()], "{head:?}");
        assert!(header(head, "transfer-encoding").is_empty(), "{head:?}");
    }
}

/// The values of a header.
pub(crate) fn header(head: &str, name: &str) -> Vec<String> {
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let values = lines.filter(|(given, _)| given.eq_ignore_ascii_case(name));
    values.map(|(_, value)| value.trim().to_owned()).collect()
}

/// An answer of JSON with these headers beside it.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}\r\n{body}").into_bytes()
}

/// A JSON-RPC response to the request with this id.
pub(crate) fn result(id: &Value, says: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "result": {"says": says}}).to_string()
}

fn good(request: &str) -> Vec<u8> {
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let body = result(&request["id"], "good");
    answer("200 OK", &format!("Content-Length: {}\r\n", body.len()), &body)
}

/// One chunk with all of it, and the end.
pub(crate) fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// The head of a POST of the agent with everything right, and these lines beside it.
pub(crate) fn head(proxy: &Proxy, lines: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{lines}\r\n",
        proxy.secret()
    )
}

/// A POST with everything right.
pub(crate) fn good_ask(proxy: &Proxy) -> String {
    head(proxy, &format!("content-length: {}\r\n", ASK.len())) + ASK
}

/// Sends bytes on a connection of its own, and reads until it is closed.
pub(crate) async fn said_until_closed(proxy: &Proxy, bytes: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::connect(proxy.agent().address()).await;
    raw.send(bytes).await;
    raw.to_end().await
}

/// How many answers are in there.
pub(crate) fn answers_in(said: &str) -> usize {
    said.matches("HTTP/1.1 ").count()
}
