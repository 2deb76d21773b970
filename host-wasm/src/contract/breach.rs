//! How a component breaks the contract: the action, and the rule.

/// A rule that a component broke. Numbers are those of exchanges, calls, commands and tickets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// It speaks of something that is not there.
    #[error("`{0}` speaks of {1} {2}, which is over or never was")]
    Unknown(&'static str, &'static str, u64),
    /// An answer begins twice.
    #[error("`{0}` begins the answer to exchange {1}, which has begun")]
    TooMuch(&'static str, u64),
    /// An answer goes on that has not begun.
    #[error("`{0}` goes on with the answer to exchange {1}, which has not begun")]
    NotBegun(&'static str, u64),
    /// It decides about an answer of the relay that does not just begin, or uses the head of one that it does not read.
    #[error("`{0}` is about the answer to call {1}, for which it is too early or too late")]
    NoChoice(&'static str, u64),
    /// An answer of the relay began, and nothing was decided.
    #[error("the answer to call {0} began, and the step says neither `splice`, `read` nor `cancel`")]
    Undecided(u64),
    /// A name is used again.
    #[error("`call` is named {0}, and the names of calls go up")]
    Reused(u64),
    /// Tickets go back.
    #[error("`persist` has ticket {0}, and tickets go up")]
    Backwards(u64),
    /// Not a status of an answer.
    #[error("an answer to the agent has status {0}: it may be 200 to 599")]
    NoStatus(u16),
    /// A header that is not its to set.
    #[error("{0} has the header `{1}`, which is the host's")]
    Header(&'static str, String),
    /// A query that would end the line, or the query.
    #[error("the query of a `call` holds a space, a `#` or a control character")]
    Query,
    /// More than there is any reason for.
    #[error("there are too many {0}")]
    Crowd(&'static str),
    /// More in the store than the configuration allows.
    #[error(
        "`persist` brings the records in the store to {count} and {bytes} bytes, more than the limits allow"
    )]
    Store {
        /// How many.
        count: usize,
        /// How large they are together.
        bytes: usize,
    },
    /// What the next machine could not be opened with.
    #[error("`persist` has a {0} record that is no JSON text, or whose name is too long")]
    Record(&'static str),
    /// It would never rest.
    #[error("the step wants to be woken at a time that is over")]
    Overdue,
}
