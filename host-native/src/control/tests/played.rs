//! A control listener on real sockets, in front of a machine that is played; and a runner that writes HTTP
//! by hand, so that it can also write it wrong.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use relay_mcp_core::door::Secret;
use relay_mcp_core::mcp::Era;
use relay_mcp_core::{
    Command, Context, OutboxStatus, RelayState, RelayStatus, Reply, Status, ToolsStatus, WriteDetail,
    WriteState, WriteSummary,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::control::{Control, Info};
use crate::handle::{Handle, Question};
use crate::settings::ControlAddress;
use crate::telemetry::Metrics;
use crate::token::TokenSource;

/// The secret of the control listener.
pub(crate) const CONTROL_SECRET: &str = "the-secret-of-the-runner";
/// The secret of the agent, which must open nothing here.
pub(crate) const AGENT_SECRET: &str = "the-secret-of-the-agent";

/// A proxy of which only the control listener is real.
pub(crate) struct Played {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) address: String,
    pub(crate) token: TokenSource,
    pub(crate) handle: Handle,
    pub(crate) metrics: Metrics,
    pub(crate) machine: Machine,
    pub(crate) stopped: watch::Receiver<bool>,
    pub(crate) served: JoinHandle<()>,
}

impl Played {
    /// On a Unix socket.
    pub(crate) async fn on_unix() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = ControlAddress::Unix(dir.path().join("control.sock"));
        Self::on(dir, &address, None).await
    }

    /// On a TCP port.
    pub(crate) async fn on_tcp() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = ControlAddress::Tcp("127.0.0.1:0".parse().unwrap());
        Self::on(dir, &address, Some(Secret::new(CONTROL_SECRET))).await
    }

    async fn on(dir: tempfile::TempDir, address: &ControlAddress, secret: Option<Secret>) -> Self {
        let control = Control::bind(address, secret).await.unwrap();
        let address = control.address().unwrap();
        let token = TokenSource::fixed(Some("first-token"));
        let (handle, questions, stopped) = Handle::new(token.clone());
        let machine = Machine::default();
        tokio::spawn(machine.clone().play(questions));
        let metrics = Metrics::new("1.2.3", "native");
        let info = Info {
            version: "1.2.3".into(),
            engine: "native",
            relay_url: "https://relay.example/api/mcp".into(),
        };
        let served = tokio::spawn(control.serve(handle.clone(), metrics.clone(), info, stopped.clone()));
        Self { dir, address, token, handle, metrics, machine, stopped, served }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("control.sock")
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        self.address.parse().unwrap()
    }

    /// Asks over the Unix socket: a line such as `GET /v1/status`, and a body.
    pub(crate) async fn ask(&self, line: &str, body: &str) -> Heard {
        let length = body.len();
        let text =
            format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        self.say(&(text + body)).await
    }

    /// Says this over the Unix socket, byte for byte.
    pub(crate) async fn say(&self, text: &str) -> Heard {
        hear(UnixStream::connect(self.socket()).await.unwrap(), text).await
    }

    /// Asks over TCP, with these header lines.
    pub(crate) async fn ask_tcp(&self, line: &str, headers: &[&str]) -> Heard {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let text = format!("{line} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        hear(TcpStream::connect(self.tcp()).await.unwrap(), &text).await
    }
}

async fn hear(mut connection: impl AsyncReadExt + AsyncWriteExt + Unpin, text: &str) -> Heard {
    let _ = connection.write_all(text.as_bytes()).await;
    let mut heard = Vec::new();
    // A body that the proxy did not read to its end ends the connection with a reset.
    let _ = connection.read_to_end(&mut heard).await;
    let heard = String::from_utf8(heard).unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Heard { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// An answer.
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// A machine that is played: an outbox with a queued write `queued-1` and a dead one `dead/1`.
#[derive(Clone, Default)]
pub(crate) struct Machine(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    asked: Vec<Command>,
    context: Context,
    refuses: Option<String>,
    is_gone: bool,
}

impl Machine {
    /// What was asked so far, questions for the status aside.
    pub(crate) fn asked(&self) -> Vec<Command> {
        let script = self.0.lock().unwrap();
        script.asked.iter().filter(|command| **command != Command::Status).cloned().collect()
    }

    /// Refuses everything but questions for the status from here on.
    pub(crate) fn refuse(&self, sentence: &str) {
        self.0.lock().unwrap().refuses = Some(sentence.to_owned());
    }

    /// Answers nothing from here on.
    pub(crate) fn die(&self) {
        self.0.lock().unwrap().is_gone = true;
    }

    async fn play(self, mut questions: mpsc::UnboundedReceiver<Question>) {
        while let Some(Question { command, reply }) = questions.recv().await {
            if let Some(said) = self.0.lock().unwrap().reply(command) {
                let _ = reply.send(said);
            }
        }
    }
}

impl Script {
    fn reply(&mut self, command: Command) -> Option<Reply> {
        self.asked.push(command.clone());
        if self.is_gone {
            return None;
        }
        if let Some(sentence) = self.refuses.clone().filter(|_| command != Command::Status) {
            return Some(Reply::Refused(sentence));
        }
        Some(match command {
            Command::SetContext(flags) => {
                self.context.extend(flags);
                Reply::Done
            }
            Command::Refresh | Command::TokenChanged | Command::Drain => Reply::Done,
            Command::Status => Reply::Status(self.status()),
            Command::ListOutbox => Reply::Outbox(vec![queued(), dead()]),
            Command::ShowWrite(key) if key == "dead/1" => Reply::Write(WriteDetail {
                summary: dead(),
                params: r#"{"name":"relay_reply","arguments":{"n":1.0}}"#.into(),
                relay_answer: Some("no such channel".into()),
            }),
            Command::RetryWrite(key) | Command::DiscardWrite(key) if key == "dead/1" => Reply::Done,
            Command::ShowWrite(_) | Command::RetryWrite(_) | Command::DiscardWrite(_) => Reply::UnknownWrite,
        })
    }

    fn status(&self) -> Status {
        let mut context = Context::from([("isolatedWorktree".to_owned(), false)]);
        context.extend(self.context.clone());
        Status {
            relay: RelayStatus { state: RelayState::Down, since_ms: 192_000, era: Some(Era::Modern) },
            outbox: OutboxStatus {
                depth: 1,
                bytes: 1_300,
                oldest_age_ms: Some(192_500),
                dead_letters: 1,
                paused: true,
            },
            streams: 1,
            sessions: 2,
            context,
            tools: ToolsStatus {
                visible: vec!["relay_send_message".into(), "relay_reply".into()],
                hidden: vec!["relay_workspace_status".into()],
            },
        }
    }
}

fn queued() -> WriteSummary {
    WriteSummary {
        key: "queued-1".into(),
        tool: "relay_send_message".into(),
        state: WriteState::Queued,
        attempts: 3,
        enqueued_at: 1_790_000_000_000,
        last_error: Some("connection refused".into()),
    }
}

fn dead() -> WriteSummary {
    WriteSummary {
        key: "dead/1".into(),
        tool: "relay_reply".into(),
        state: WriteState::Dead,
        attempts: 1,
        enqueued_at: 1_790_000_001_000,
        last_error: Some("no such channel\n\u{1b}[2J".into()),
    }
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
