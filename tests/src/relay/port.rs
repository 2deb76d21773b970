//! Ports that stay ours while nobody listens on them.
//!
//! They lie below the range from which the system takes ports for outgoing connections: while a relay is
//! stopped, no other connection may take its place, nor a client connect to itself.

use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpListener, TcpSocket};

const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port on which nobody listens.
///
/// # Panics
/// When there is none.
pub async fn free() -> u16 {
    listen_anywhere().await.local_addr().expect("a bound listener has an address").port()
}

/// Listens on a port of our range.
///
/// # Panics
/// When all are taken.
pub async fn listen_anywhere() -> TcpListener {
    for _ in 0..1_000 {
        if let Some(listener) = listen(next()) {
            return listener;
        }
    }
    panic!("no free port");
}

/// Listens on this port; `None` when somebody else does.
#[must_use]
pub fn listen(port: u16) -> Option<TcpListener> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.set_reuseaddr(true).ok()?;
    socket.bind(([127, 0, 0, 1], port).into()).ok()?;
    socket.listen(1024).ok()
}

/// Each process walks through the range from a place of its own.
fn next() -> u16 {
    let step = NEXT.fetch_add(1, Ordering::Relaxed);
    let start = std::process::id().wrapping_mul(61) % u32::from(COUNT);
    FIRST + ((start + u32::from(step)) % u32::from(COUNT)) as u16
}
