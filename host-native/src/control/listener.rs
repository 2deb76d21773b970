//! Where the runner connects: a Unix socket, a TCP address, or nowhere.

use std::io;
use std::net::SocketAddr;

use relay_mcp_core::door::Secret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::error::ControlError;
use super::guard::Guard;
use super::socket::{self, SocketFile};
use crate::settings::ControlAddress;

/// A connection of the runner.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<C: AsyncRead + AsyncWrite + Send + Unpin> Connection for C {}

/// An open listener.
pub(super) enum Listener {
    Unix { listener: UnixListener, _file: SocketFile },
    Tcp(TcpListener),
    None,
}

impl Listener {
    /// Opens it, says where it is, and who guards it.
    pub(super) async fn bind(
        address: &ControlAddress,
        secret: Option<Secret>,
    ) -> Result<(Self, ControlAddress, Guard), ControlError> {
        match address {
            ControlAddress::Unix(path) => {
                let (listener, file) = socket::listen(path).await?;
                Ok((Self::Unix { listener, _file: file }, address.clone(), Guard::FileMode))
            }
            ControlAddress::Tcp(address) => {
                let (listener, bound) = bind_tcp(*address).await?;
                let secret = secret.ok_or(ControlError::NoSecret { address: *address })?;
                Ok((Self::Tcp(listener), ControlAddress::Tcp(bound), Guard::Bearer(secret)))
            }
            ControlAddress::None => Ok((Self::None, ControlAddress::None, Guard::FileMode)),
        }
    }

    /// The next connection; never, where there is no listener.
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Connection>> {
        match self {
            Self::Unix { listener, _file } => Ok(Box::new(listener.accept().await?.0)),
            Self::Tcp(listener) => Ok(Box::new(listener.accept().await?.0)),
            Self::None => std::future::pending().await,
        }
    }
}

async fn bind_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ControlError> {
    if !address.ip().is_loopback() {
        return Err(ControlError::NotLoopback { address });
    }
    let failed = |source| ControlError::Tcp { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
