//! A connection to the relay.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::Ordering::Relaxed;

use mio::net::TcpStream;

use super::Shared;
use super::answers::{Answers, response};
use super::asked::Asked;
use crate::mcp;
use crate::wire::{Fed, Kind, Reader};

/// How much of a body is looked at.
const LOOKED_AT: usize = 1024;

pub(super) struct Connection {
    socket: TcpStream,
    reader: Reader,
    /// What the socket did not take yet.
    waiting: Vec<u8>,
    is_stream: bool,
}

impl Connection {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, reader: Reader::new(Kind::Request, LOOKED_AT), waiting: Vec::new(), is_stream: false }
    }

    pub(super) fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Reads what there is, and answers it; whether the connection goes on.
    pub(super) fn serve(&mut self, buffer: &mut [u8], answers: &Answers, shared: &Shared) -> bool {
        if !self.flush() {
            return false;
        }
        loop {
            let count = match self.socket.read(buffer) {
                Ok(0) => return false,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return false,
            };
            if !self.take(&buffer[..count], answers, shared) {
                return false;
            }
            // The socket is empty: what comes next is told.
            if count < buffer.len() {
                return true;
            }
        }
    }

    fn take(&mut self, mut input: &[u8], answers: &Answers, shared: &Shared) -> bool {
        while !input.is_empty() {
            match self.reader.feed(input) {
                Ok(Fed::More) => return true,
                Ok(Fed::Whole(used)) => input = &input[used..],
                Err(_) => return false,
            }
            shared.answered.fetch_add(1, Relaxed);
            if !self.answer(answers, shared) {
                return false;
            }
        }
        true
    }

    fn answer(&mut self, answers: &Answers, shared: &Shared) -> bool {
        match self.reader.head.method.as_str() {
            "POST" => {}
            "GET" if shared.offers_streams.load(Relaxed) => return self.open_stream(shared),
            "DELETE" => return self.send(b"HTTP/1.1 204 No Content\r\n\r\n"),
            _ => {
                return self
                    .send(b"HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n");
            }
        }
        let body = std::mem::take(&mut self.reader.body);
        let asked = Asked::read(&body);
        let goes_on = match (asked.id, asked.method, asked.tool) {
            (None, ..) => self.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"),
            (Some(id), "tools/call", mcp::EVENTS) => self.send_events(id, answers),
            (Some(id), "tools/call", tool) => {
                if tool == mcp::WRITE {
                    applied(asked.number, shared);
                }
                self.send_json("", &response(id, answers.result(tool)))
            }
            (Some(id), "tools/list", _) => {
                self.send_json("", &response(id, answers.menu(shared.tools.load(Relaxed))))
            }
            (Some(id), "initialize", _) => {
                self.send_json("Mcp-Session-Id: bench-session\r\n", &response(id, answers.hello()))
            }
            (Some(id), "ping", _) => self.send_json("", &response(id, "{}")),
            (Some(id), ..) => {
                let error = format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"unknown method"}}}}"#
                );
                self.send_json("", &error)
            }
        };
        self.reader.body = body;
        goes_on
    }

    fn send_json(&mut self, headers: &str, body: &str) -> bool {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        self.send((head + body).as_bytes())
    }

    /// The answer of a relay that tells how it gets on: each event is sent on its own.
    fn send_events(&mut self, id: &str, answers: &Answers) -> bool {
        // As MCP servers tell nginx not to wait for more.
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n\
            X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = |event: String| format!("{:x}\r\n{event}\r\n", event.len());
        self.send(head.as_bytes())
            && answers.events(id).all(|event| self.send(chunk(event).as_bytes()))
            && self.send(b"0\r\n\r\n")
    }

    fn open_stream(&mut self, shared: &Shared) -> bool {
        self.is_stream = true;
        shared.streams.fetch_add(1, Relaxed);
        self.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
            Transfer-Encoding: chunked\r\n\r\n",
        )
    }

    /// Sends what the socket takes, and keeps the rest until it takes more.
    fn send(&mut self, bytes: &[u8]) -> bool {
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(bytes);
            return true;
        }
        match write(&mut self.socket, bytes) {
            Some(sent) => {
                self.waiting.extend_from_slice(&bytes[sent..]);
                true
            }
            None => false,
        }
    }

    fn flush(&mut self) -> bool {
        if self.waiting.is_empty() {
            return true;
        }
        let sent = write(&mut self.socket, &self.waiting);
        self.waiting.drain(..sent.unwrap_or(0));
        sent.is_some()
    }
}

/// How many bytes a socket took; none when it is broken.
pub(crate) fn write(socket: &mut TcpStream, bytes: &[u8]) -> Option<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match socket.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(sent)
}

fn applied(number: Option<u64>, shared: &Shared) {
    let lane = number.map_or(usize::MAX, mcp::lane_of);
    match (number, shared.next_write.get(lane)) {
        (Some(number), Some(next)) if next.swap(number + 1, Relaxed) == number => {}
        _ => {
            shared.out_of_order.fetch_add(1, Relaxed);
        }
    }
    shared.writes.fetch_add(1, Relaxed);
}
