//! A port that stays ours while nobody listens on it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of this machine, chosen once: what is killed and restarted is found where it was.
pub(super) struct Port {
    address: SocketAddr,
    /// Bound, never listening: connections are refused unless a child listens there, and the system gives the
    /// port to nobody who asks for any. Elsewhere than on Linux this would keep the child out too.
    _reserved: Option<TcpSocket>,
}

impl Port {
    pub(super) fn choose() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        Ok(Self { address, _reserved: cfg!(target_os = "linux").then_some(socket) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_port_refuses_until_somebody_listens_and_can_be_listened_on_again() {
        let port = Port::choose().unwrap();
        for _ in 0..2 {
            let refused = TcpStream::connect(port.address()).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let listener = TcpListener::bind(port.address()).await.unwrap();
            TcpStream::connect(port.address()).await.unwrap();
            drop(listener);
        }
    }
}
