//! The relay of the benchmark: in a thread of this process, on the core of the load. It costs little and always the
//! same: what it answers is prepared, and of what it is asked only the beginning is looked at.

mod answers;
mod asked;
mod connection;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use self::answers::Answers;
pub(crate) use self::answers::WORKSPACE_TOOLS;
use self::connection::Connection;
pub(crate) use self::connection::write;
use crate::{machine, mcp};

/// How many agents the relay tells apart by the numbers of their writes.
pub(crate) const LANES: usize = 64;

/// A relay, also while it is away.
pub(crate) struct Relay {
    address: SocketAddr,
    core: usize,
    shared: Arc<Shared>,
    running: Option<Running>,
}

struct Running {
    waker: Waker,
    thread: JoinHandle<()>,
}

/// What the relay is told, and what it tells.
#[derive(Debug)]
pub(crate) struct Shared {
    stop: AtomicBool,
    tools: AtomicUsize,
    offers_streams: AtomicBool,
    /// Requests answered.
    pub(crate) answered: AtomicU64,
    /// Writes applied.
    pub(crate) writes: AtomicU64,
    /// Of each agent, the number that its next write has.
    next_write: [AtomicU64; LANES],
    /// Writes that have another number: some are missing before them, or they came twice.
    pub(crate) out_of_order: AtomicU64,
    /// Event streams that are open.
    pub(crate) streams: AtomicUsize,
}

impl Relay {
    /// A relay that listens on a free port.
    ///
    /// # Errors
    /// There is no port.
    pub(crate) fn start(core: usize) -> Result<Self, String> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("the relay has no port: {error}"))?;
        let shared = Shared {
            stop: AtomicBool::new(false),
            tools: AtomicUsize::new(30),
            offers_streams: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            next_write: std::array::from_fn(|lane| AtomicU64::new(mcp::first_id(lane))),
            out_of_order: AtomicU64::new(0),
            streams: AtomicUsize::new(0),
        };
        let mut relay = Self { address: listener, core, shared: Arc::new(shared), running: None };
        relay.come_back()?;
        Ok(relay)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// How many tools its menu has from here on.
    pub(crate) fn set_tools(&self, tools: usize) {
        self.shared.tools.store(tools, Relaxed);
    }

    /// Whether it has an event stream for who asks with GET.
    pub(crate) fn offer_streams(&self, offers: bool) {
        self.shared.offers_streams.store(offers, Relaxed);
    }

    /// Counts the writes from zero again, and each agent's from its first number.
    pub(crate) fn forget_writes(&self) {
        self.shared.writes.store(0, Relaxed);
        self.shared.out_of_order.store(0, Relaxed);
        for (lane, next) in self.shared.next_write.iter().enumerate() {
            next.store(mcp::first_id(lane), Relaxed);
        }
    }

    /// Listens, on the port that it had.
    pub(crate) fn come_back(&mut self) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        let failed = |error: std::io::Error| format!("the relay cannot listen: {error}");
        self.shared.stop.store(false, Relaxed);
        let listener = TcpListener::bind(self.address).map_err(failed)?;
        let poll = Poll::new().map_err(failed)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(failed)?;
        let shared = Arc::clone(&self.shared);
        let core = self.core;
        let thread = std::thread::spawn(move || {
            // Without it the figures are noisier, no more.
            let _ = machine::stay_on(core);
            Serving { listener, poll, shared, answers: Answers::prepared(), connections: Vec::new() }.run();
        });
        self.running = Some(Running { waker, thread });
        Ok(())
    }

    /// Goes away: nobody listens, and all connections are closed.
    pub(crate) fn go_away(&mut self) {
        if let Some(running) = self.running.take() {
            self.shared.stop.store(true, Relaxed);
            let _ = running.waker.wake();
            let _ = running.thread.join();
        }
    }

    /// Waits until it has applied so many writes.
    pub(crate) fn await_writes(&self, count: u64, patience: Duration) -> Result<(), String> {
        let deadline = Instant::now() + patience;
        while self.shared.writes.load(Relaxed) < count {
            if Instant::now() > deadline {
                let seen = self.shared.writes.load(Relaxed);
                return Err(format!("after {patience:?} the relay has {seen} writes of {count}"));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.go_away();
    }
}

const LISTENER: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);

struct Serving {
    listener: TcpListener,
    poll: Poll,
    shared: Arc<Shared>,
    answers: Answers,
    connections: Vec<Option<Connection>>,
}

impl Serving {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        if self.poll.registry().register(&mut self.listener, LISTENER, Interest::READABLE).is_err() {
            return;
        }
        let mut buffer = vec![0; 256 << 10];
        while !self.shared.stop.load(Relaxed) {
            // Interrupted by a signal: nothing came.
            let _ = self.poll.poll(&mut events, None);
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(at) => self.serve(at, &mut buffer),
                }
            }
        }
        self.shared.streams.store(0, Relaxed);
    }

    fn accept(&mut self) {
        while let Ok((mut socket, _)) = self.listener.accept() {
            let free = self.connections.iter().position(Option::is_none);
            let at = free.unwrap_or(self.connections.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            let _ = socket.set_nodelay(true);
            if self.poll.registry().register(&mut socket, Token(at), interest).is_ok() {
                let connection = Some(Connection::new(socket));
                match self.connections.get_mut(at) {
                    Some(place) => *place = connection,
                    None => self.connections.push(connection),
                }
            }
        }
    }

    fn serve(&mut self, at: usize, buffer: &mut [u8]) {
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        if !connection.serve(buffer, &self.answers, &self.shared) {
            if connection.is_stream() {
                self.shared.streams.fetch_sub(1, Relaxed);
            }
            self.connections[at] = None;
        }
    }
}
