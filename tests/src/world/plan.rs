//! The plan of a run: what everybody does, in order. Small values are the quiet ones, so that a failing plan
//! shrinks to what matters.

use std::fmt;

/// Everything that is decided about a run before it begins.
#[derive(Clone, Default)]
pub struct Plan {
    pub seed: u8,
    /// The relay speaks the modern era too.
    pub is_modern: bool,
    /// The relay gives out sessions, and wants them.
    pub keeps_sessions: bool,
    /// The relay has streams of its own, from server to agent.
    pub has_streams: bool,
    /// How many writes the outbox holds.
    pub room: usize,
    /// What happens, and how many milliseconds after what came before.
    pub acts: Vec<(u16, Act)>,
    /// How the relay takes the calls, one after the other; when they are used up, well.
    pub outcomes: Vec<Outcome>,
    /// How the disk takes the batches, one after the other; when they are used up, well.
    pub disk: Vec<DiskTurn>,
}

/// One line for each list, so that a failing plan can be read.
impl fmt::Debug for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, is_modern, keeps_sessions, has_streams, room, acts, outcomes, disk } = self;
        writeln!(
            out,
            "seed {seed}, modern {is_modern}, sessions {keeps_sessions}, streams {has_streams}, room {room}"
        )?;
        write!(out, "acts {acts:?}\noutcomes {outcomes:?}\ndisk {disk:?}")
    }
}

/// One thing that an agent, the runner, the relay or fate does. Agents with odd numbers are modern, where the
/// relay is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Hello(usize),
    Initialized(usize),
    List(usize),
    Read(usize),
    Ping(usize),
    Write {
        agent: usize,
        has_key: bool,
        poison: Poison,
    },
    /// The same write once more, if its key was the agent's.
    Repeat(usize),
    /// GET.
    Stream(usize),
    /// `subscriptions/listen`, of a modern agent.
    Listen(usize),
    Delete(usize),
    /// The agent leaves one of the exchanges that are open.
    Leave(usize),
    Context(bool),
    Refresh,
    /// The runner gets another token.
    Token,
    /// The relay takes only the runner's newest token from here on.
    RelayToken,
    /// The relay's menu becomes another one.
    Menu,
    Forget,
    /// The relay is away for so many milliseconds.
    Outage(u16),
    /// The relay takes every call, and answers none that came within so many milliseconds.
    Silence(u16),
    /// The relay dies, with all its connections and sessions, and is away for so many milliseconds.
    Restart(u16),
    /// The relay has something to say on each of its streams.
    Notify,
    /// Nothing can be stored for so many milliseconds.
    FullDisk(u16),
    /// The proxy dies, as by `kill -9` or a trap of the machine, and is started again.
    Crash(Crash),
    /// The proxy is told to end, finishes what it can, and is started again with a clock that was set by so many
    /// milliseconds.
    Shutdown(i32),
    /// The computer sleeps for so many milliseconds: all that was due meanwhile comes at once.
    Sleep(u32),
    /// Something comes once more, or too late, about a call, an exchange or a batch that is over.
    Stale(u64),
    /// A dead letter is queued again by hand.
    Retry(usize),
    /// A write is thrown away by hand.
    Discard(usize),
}

/// How the proxy dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crash {
    /// How many steps it still makes.
    pub steps: u8,
    /// How many actions of the step after those are done; nothing of it happens where there are none.
    pub actions: u8,
    /// How many of the batches that were not acknowledged had made it to disk. They become durable in their order,
    /// each as a whole: that is what the store promises (`wit/README.md`; shown of SQLite by
    /// `t_2_a_log_torn_anywhere_recovers_to_a_prefix`).
    pub kept: usize,
    /// What was on its way to the relay arrives all the same.
    pub arrives: bool,
    /// By how many milliseconds the wall clock was set before the proxy is started again.
    pub clock: i32,
}

/// What the relay thinks of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Poison {
    #[default]
    None,
    Error,
    IsError,
    BadRequest,
    InputRequired,
}

/// How the relay takes one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answers, as JSON or as events, in pieces of so many bytes.
    Well {
        is_stream: bool,
        piece: usize,
    },
    Slow(u16),
    Refused,
    /// The gateway answers in its place; it may have done what was asked all the same.
    Gateway {
        is_done: bool,
        retry_after: Option<u8>,
    },
    /// The connection breaks before what was asked is done or after it, and before the head of the answer or in the
    /// middle of its body.
    Lost {
        is_done: bool,
        has_head: bool,
    },
    /// There is no answer, and the connection breaks after a minute.
    Hang {
        is_done: bool,
    },
    /// The connection is gone and nobody says so, before the head of the answer or in the middle of its body.
    HalfOpen {
        is_done: bool,
        has_head: bool,
    },
    /// The answer comes in so many pieces, with so many milliseconds between them.
    Drips {
        is_stream: bool,
        pieces: u8,
        every: u16,
    },
    /// The answer comes twice: as two events of a stream, or once more when all is over.
    Twice {
        is_stream: bool,
    },
    /// It does what was asked after so many milliseconds, whoever still waits for it.
    Late(u16),
    Busy(u8),
    Broken,
    Forgets,
}

/// How the disk takes one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskTurn {
    /// The oldest batch, or all that wait, in one go.
    Stores { after: u16, all: bool },
    /// The write or the sync of the oldest batch fails, or of all that wait; nothing of them is stored.
    Fails { after: u16, all: bool },
}
