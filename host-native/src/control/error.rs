//! Why the control listener could not be opened.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The longest path that a Unix socket can have, in bytes.
pub(super) const LONGEST_PATH: usize = 107;

/// Why the control listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The system cannot bind a path of this length.
    #[error(
        "the control socket {path} has a path of {length} bytes, and a Unix socket can have {LONGEST_PATH} \
         at the most: choose a shorter one with --control unix:PATH, or a shorter --data-dir"
    )]
    PathTooLong {
        /// The path that was asked for.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// Something stands there that is no socket, and is not ours to remove.
    #[error(
        "the control socket cannot be created: {path} exists and is not a socket; move it away, or choose \
         another path with --control unix:PATH"
    )]
    NotASocket {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// Somebody answers there.
    #[error("another process listens at unix:{path}: choose another path with --control unix:PATH")]
    SocketInUse {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The system refused the socket.
    #[error("the control listener cannot be opened at unix:{path}: {source}")]
    Socket {
        /// The path that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused the address.
    #[error(
        "the control listener cannot be opened at {address}: {source}; choose another address with \
         --control ADDR:PORT"
    )]
    Tcp {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address can be reached from other machines.
    #[error(
        "the control listener may not be opened at {address}: only a loopback address is safe without TLS; \
         use 127.0.0.1 or a Unix socket"
    )]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// A TCP listener was asked for without its bearer secret.
    #[error("the control listener at {address} needs a bearer secret of its own, and there is none")]
    NoSecret {
        /// The address that was asked for.
        address: SocketAddr,
    },
}
