//! The load: so many connections, each with one request after the other, from one thread.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::client::Endpoint;
use crate::mcp::{ID, first_id};
use crate::relay::write;
use crate::wire::{Fed, Kind, Reader};

/// Who answers nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many requests may fail before a measurement is no use.
const MOST_ERRORS: u64 = 1000;

/// A prepared request, whose id is another one each time, so that nobody can answer from memory.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    bytes: Vec<u8>,
    /// Where the id is, wherever it is.
    ids: Vec<usize>,
    next: u64,
}

impl Prepared {
    /// A request in whose body [`ID`] stands for the id.
    pub(crate) fn new(endpoint: &Endpoint, session: Option<&str>, body: &str) -> Self {
        let bytes = endpoint.post(session, body);
        let ids = bytes.windows(ID.len()).enumerate().filter(|(_, window)| *window == ID.as_bytes());
        let ids = ids.map(|(at, _)| at).collect();
        Self { bytes, ids, next: first_id(0) }
    }

    /// With the ids of this agent.
    pub(crate) fn of_agent(self, lane: usize) -> Self {
        Self { next: first_id(lane), ..self }
    }

    pub(crate) fn next(&mut self) -> &[u8] {
        let id = self.next.to_string();
        self.next += 1;
        for at in &self.ids {
            self.bytes[*at..*at + ID.len()].copy_from_slice(id.as_bytes());
        }
        &self.bytes
    }
}

/// When it is enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Time(Duration),
    Requests(u64),
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    /// Answers other than 200, and connections that broke.
    pub(crate) errors: u64,
    /// The first of them.
    pub(crate) error: Option<String>,
    pub(crate) elapsed: Duration,
    /// In nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Outcome {
    fn nothing() -> Result<Self, String> {
        let latency = Histogram::new_with_bounds(1_000, 60_000_000_000, 3)
            .map_err(|error| format!("there is no histogram: {error}"))?;
        Ok(Self { requests: 0, errors: 0, error: None, elapsed: Duration::ZERO, latency })
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

/// Connections that are kept from run to run.
pub(crate) struct Load {
    poll: Poll,
    endpoint: Endpoint,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    reader: Reader,
    /// What the socket did not take yet.
    waiting: Vec<u8>,
    sent: Option<Instant>,
    /// Which of the requests it sends.
    request: usize,
    is_closed: bool,
}

impl Load {
    /// Opens so many connections.
    ///
    /// # Errors
    /// One is refused.
    pub(crate) fn connect(endpoint: &Endpoint, count: usize) -> Result<Self, String> {
        let poll = Poll::new().map_err(|error| format!("nothing can be waited for: {error}"))?;
        let mut load =
            Self { poll, endpoint: endpoint.clone(), connections: Vec::new(), buffer: vec![0; 256 << 10] };
        for at in 0..count {
            let socket = load.open(at)?;
            load.connections.push(socket);
        }
        Ok(load)
    }

    fn open(&self, at: usize) -> Result<Connection, String> {
        let stream = self.endpoint.connect()?;
        let failed = |error: std::io::Error| format!("a socket cannot be set up: {error}");
        stream.set_nonblocking(true).map_err(failed)?;
        let mut socket = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(at), interest).map_err(failed)?;
        let reader = Reader::new(Kind::Response, 300);
        Ok(Connection { socket, reader, waiting: Vec::new(), sent: None, request: at, is_closed: false })
    }

    /// Sends one request after the other on each connection, until it is enough and all answers are there. Each connection
    /// has one of the requests, in turn.
    ///
    /// # Errors
    /// Nobody answers any longer, or next to nothing succeeds.
    pub(crate) fn run(&mut self, requests: &mut [Prepared], until: Until) -> Result<Outcome, String> {
        let mut outcome = Outcome::nothing()?;
        let mut events = Events::with_capacity(1024);
        let begun = Instant::now();
        let mut budget = match until {
            Until::Time(_) => u64::MAX,
            Until::Requests(count) => count,
        };
        let mut open = 0;
        for at in 0..self.connections.len() {
            if budget > 0 {
                self.send(at, requests)?;
                budget -= 1;
                open += 1;
            }
        }
        let mut heard = begun;
        while open > 0 {
            // Interrupted by a signal: nothing came.
            let _ = self.poll.poll(&mut events, Some(Duration::from_millis(500)));
            let now = Instant::now();
            match events.is_empty() {
                false => heard = now,
                true if now - heard > PATIENCE => return Err(format!("no answer for {PATIENCE:?}")),
                true => {}
            }
            let is_over = matches!(until, Until::Time(time) if now - begun >= time);
            for event in &events {
                let Token(at) = event.token();
                let connection = &mut self.connections[at];
                let Some(done) = connection.hear(&mut self.buffer) else { continue };
                open -= 1;
                if let Err(error) = &done {
                    outcome.errors += 1;
                    outcome.error.get_or_insert_with(|| error.clone());
                    if outcome.errors > MOST_ERRORS && outcome.errors > outcome.requests {
                        return Err(format!("nearly every request fails: {error}"));
                    }
                }
                if let Ok(took) = done {
                    outcome.requests += 1;
                    outcome.latency.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
                }
                if !is_over && budget > 0 {
                    self.send(at, requests)?;
                    budget -= 1;
                    open += 1;
                }
            }
        }
        outcome.elapsed = begun.elapsed();
        Ok(outcome)
    }

    /// Sends the next request, on a new connection if this one is broken.
    fn send(&mut self, at: usize, requests: &mut [Prepared]) -> Result<(), String> {
        if self.connections[at].is_closed || !self.connections[at].send(requests) {
            self.connections[at] = self.open(at)?;
            if !self.connections[at].send(requests) {
                return Err("a new connection takes no request".into());
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Sends the next request; whether the connection takes it.
    fn send(&mut self, requests: &mut [Prepared]) -> bool {
        let count = requests.len();
        let bytes = requests[self.request % count].next();
        self.sent = Some(Instant::now());
        let Some(sent) = write(&mut self.socket, bytes) else { return false };
        self.waiting.extend_from_slice(&bytes[sent..]);
        true
    }

    /// Reads on; what became of the request, once that is known.
    fn hear(&mut self, buffer: &mut [u8]) -> Option<Result<Duration, String>> {
        if !self.waiting.is_empty() {
            let sent = write(&mut self.socket, &self.waiting).unwrap_or(self.waiting.len());
            self.waiting.drain(..sent);
        }
        self.sent?;
        loop {
            let count = match self.socket.read(buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.closed(&error.to_string()),
            };
            if count == 0 {
                return self.closed("closed before the answer was whole");
            }
            match self.reader.feed(&buffer[..count]) {
                Ok(Fed::Whole(used)) if used == count => return Some(self.answered()),
                Ok(Fed::Whole(_)) => return self.closed("more came than was asked for"),
                // The socket is empty: what comes next is told.
                Ok(Fed::More) if count < buffer.len() => return None,
                Ok(Fed::More) => {}
                Err(error) => return self.closed(&error),
            }
        }
    }

    fn answered(&mut self) -> Result<Duration, String> {
        let took = self.sent.take().map_or(Duration::ZERO, |sent| sent.elapsed());
        match self.reader.head.status {
            200 => Ok(took),
            status => Err(format!("status {status}: {}", String::from_utf8_lossy(&self.reader.body))),
        }
    }

    fn closed(&mut self, why: &str) -> Option<Result<Duration, String>> {
        self.sent = None;
        self.is_closed = true;
        Some(Err(format!("the connection broke: {why}")))
    }
}
