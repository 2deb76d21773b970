//! What the relay does instead of its job.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::recorded::Recorded;

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer, and nothing is applied.
    Answer(Canned),
    /// The write is applied, and this is the answer.
    ApplyThenAnswer(Canned),
    /// No answer, and nothing is applied.
    Hang,
    /// The write is applied, and there is no answer.
    ApplyThenHang,
    /// The connection is reset before anything is applied.
    Reset,
    /// The write is applied and the connection is reset before an answer.
    ApplyThenReset,
    /// Waits for the gate, then does its job.
    Wait(Gate),
    /// An answer in steps; the write, if it is one, is applied first.
    Steps(Canned, Vec<Step>),
}

/// An answer word by word. `$ID` in the body stands for the id of the request as it came.
#[derive(Clone, Debug)]
pub struct Canned {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// A piece of an answer in steps.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes, at once; `$ID` stands for the id.
    Say(String),
    /// Nothing until the gate opens.
    Wait(Gate),
    /// The answer breaks off here.
    Reset,
    /// Spaces without end, as fast as they are taken; counts them.
    Flood(Arc<AtomicUsize>),
}

/// Stays closed until a test opens it.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it for everybody, for good.
    pub fn open(&self) {
        self.0.close();
    }

    /// Waits until it is open.
    pub async fn opened(&self) {
        drop(self.0.acquire().await);
    }
}

impl Canned {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// A plain text answer, as gateways send it.
    #[must_use]
    pub fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/plain", body)
    }

    /// The head of an event stream.
    #[must_use]
    pub fn sse() -> Self {
        Self::new(200, "text/event-stream", "")
    }

    #[must_use]
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Fault {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::Answer(Canned::json(status, body))
    }

    /// A status and a few words.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer(Canned::text(status, format!("the test relay says {status}")))
    }

    /// A JSON-RPC error with HTTP 200.
    #[must_use]
    pub fn error(code: i64, message: &str) -> Self {
        Self::json(
            200,
            format!(r#"{{"jsonrpc":"2.0","id":$ID,"error":{{"code":{code},"message":"{message}"}}}}"#),
        )
    }
}

/// Which requests a fault is for.
#[derive(Clone, Debug)]
pub enum On {
    /// All.
    Any,
    /// POSTs of this JSON-RPC method.
    Rpc(&'static str),
    /// Calls of this tool.
    Tool(&'static str),
    /// Requests with this HTTP method.
    Http(&'static str),
}

impl On {
    fn takes(&self, request: &Recorded) -> bool {
        match self {
            Self::Any => true,
            Self::Rpc(method) => request.rpc_method().as_deref() == Some(*method),
            Self::Tool(tool) => request.tool().as_deref() == Some(*tool),
            Self::Http(method) => request.method == *method,
        }
    }
}

/// What is to go wrong, in the order in which the test asked for it.
#[derive(Debug, Default)]
pub struct Script(Vec<Line>);

#[derive(Debug)]
struct Line {
    on: On,
    left: Option<usize>,
    fault: Fault,
}

impl Script {
    /// The next `times` such requests meet this fault; `None` for all of them.
    pub fn add(&mut self, on: On, times: Option<usize>, fault: Fault) {
        self.0.push(Line { on, left: times, fault });
    }

    /// Nothing goes wrong from here on.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What happens to this request.
    pub fn take(&mut self, request: &Recorded) -> Option<Fault> {
        let at = self.0.iter().position(|line| line.on.takes(request))?;
        let fault = self.0[at].fault.clone();
        if let Some(left) = &mut self.0[at].left {
            *left -= 1;
            if *left == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}
