//! One request after the other, on a connection of its own: for what is asked before and after the measuring.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::mcp;
use crate::wire::{Fed, Kind, Reader};

/// Who waits longer has a proxy that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a target is reached, and what lets one in.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) secret: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) session: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl Endpoint {
    /// The head of a request, as clients send it.
    pub(crate) fn head(&self, method: &str, session: Option<&str>, length: Option<usize>) -> String {
        let Self { address, path, secret } = self;
        let accept = match method {
            "GET" => "text/event-stream",
            _ => "application/json, text/event-stream",
        };
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {secret}\r\nAccept: {accept}\r\n\
             MCP-Protocol-Version: 2025-11-25\r\nUser-Agent: bench/1\r\n"
        );
        if let Some(session) = session {
            head += &format!("Mcp-Session-Id: {session}\r\n");
        }
        if let Some(length) = length {
            head += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        head + "\r\n"
    }

    /// A whole POST.
    pub(crate) fn post(&self, session: Option<&str>, body: &str) -> Vec<u8> {
        (self.head("POST", session, Some(body.len())) + body).into_bytes()
    }

    /// Sends a message on a new connection, and reads the answer whole.
    ///
    /// # Errors
    /// Nobody answers.
    pub(crate) fn ask(&self, session: Option<&str>, body: &str) -> Result<Answer, String> {
        let mut stream = self.connect()?;
        ask(&mut stream, &self.post(session, body))
    }

    /// Greets, and says so; the id of the session.
    ///
    /// # Errors
    /// The greeting is refused.
    pub(crate) fn greet(&self) -> Result<Option<String>, String> {
        let hello = self.ask(None, mcp::INITIALIZE)?;
        if hello.status != 200 {
            return Err(format!("initialize is answered with {}: {}", hello.status, hello.text()));
        }
        let said = self.ask(hello.session.as_deref(), mcp::INITIALIZED)?;
        match said.status {
            200 | 202 => Ok(hello.session),
            status => Err(format!("notifications/initialized is answered with {status}: {}", said.text())),
        }
    }

    pub(crate) fn connect(&self) -> Result<TcpStream, String> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)
            .map_err(|error| format!("{} cannot be reached: {error}", self.address))?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
        set.map_err(|error| format!("a socket cannot be set up: {error}"))?;
        Ok(stream)
    }
}

/// Sends a request, and reads the answer whole.
pub(crate) fn ask(stream: &mut (impl Read + Write), request: &[u8]) -> Result<Answer, String> {
    stream.write_all(request).map_err(|error| format!("a request cannot be sent: {error}"))?;
    let mut reader = Reader::new(Kind::Response, usize::MAX);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut buffer).map_err(|error| format!("no answer: {error}"))?;
        if count == 0 && !reader.ends_with_connection() {
            return Err("the connection was closed before the answer was whole".into());
        }
        if count == 0 || matches!(reader.feed(&buffer[..count])?, Fed::Whole(_)) {
            let Reader { head, body, .. } = reader;
            return Ok(Answer { status: head.status, session: head.session, body });
        }
    }
}

/// Asks the control listener of a sidecar.
pub(crate) fn control(socket: &Path, path: &str) -> Result<Answer, String> {
    let mut stream = UnixStream::connect(socket)
        .map_err(|error| format!("the control socket cannot be reached: {error}"))?;
    let _ = stream.set_read_timeout(Some(PATIENCE));
    ask(
        &mut stream,
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes(),
    )
}
