//! Error codes that we send (B-2.6).

/// Not JSON (B-1.5).
pub const PARSE_ERROR: i64 = -32700;
/// JSON, but not a request we can take (B-1.5).
pub const INVALID_REQUEST: i64 = -32600;
/// The parameters contradict something (B-5.7).
pub const INVALID_PARAMS: i64 = -32602;
/// What the relay said cannot be used.
pub const INTERNAL_ERROR: i64 = -32603;
/// The answer that makes every client fall back to `initialize` (B-3.5).
pub const NOT_MODERN: i64 = -32000;
/// The agent is not let in; also what SDKs say of an unknown session. Legacy agents only.
pub const AUTH_LEGACY: i64 = -32001;
/// The relay is away. Legacy agents only.
pub const UNREACHABLE_LEGACY: i64 = -32002;
/// The relay is away, for modern agents.
pub const UNREACHABLE_MODERN: i64 = -31002;
/// A write could not be made durable, or nobody could answer what comes back (B-5.4, B-5.11).
pub const CANNOT_QUEUE: i64 = -31003;
/// There is no room for another write (B-5.4).
pub const OUTBOX_FULL: i64 = -31004;
/// The relay refused the runner's token (B-2.7).
pub const TOKEN_REFUSED: i64 = -31005;
