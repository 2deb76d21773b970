//! The control socket as a file: created so that nobody else can ever open it, removed at the end.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::error::{ControlError, LONGEST_PATH};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 64;
/// How long a process behind a socket that we found may take to accept a connection.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// A socket file of ours; dropping it removes the file, unless another has taken its place.
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at a path, with mode 0600. The socket of a dead proxy is replaced.
pub(super) async fn listen(path: &Path) -> Result<(UnixListener, SocketFile), ControlError> {
    let length = path.as_os_str().as_bytes().len();
    if length > LONGEST_PATH {
        return Err(ControlError::PathTooLong { path: path.to_owned(), length });
    }
    remove_stale(path).await?;
    create(path).map_err(|source| ControlError::Socket { path: path.to_owned(), source })
}

// Nobody can connect between bind and listen, so the mode is right before the first connection.
fn create(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let created = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), device: created.dev(), inode: created.ino() };
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok((socket.listen(BACKLOG)?, file))
}

// The lock on the data directory keeps other proxies from the default path, but a path can be chosen
// freely: so the socket is asked, too.
async fn remove_stale(path: &Path) -> Result<(), ControlError> {
    let socket_error = |source| ControlError::Socket { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(socket_error(error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err(ControlError::NotASocket { path: path.to_owned() })
        }
        Ok(_) if is_alive(path).await.map_err(socket_error)? => {
            Err(ControlError::SocketInUse { path: path.to_owned() })
        }
        Ok(_) => fs::remove_file(path).map_err(socket_error),
    }
}

async fn is_alive(path: &Path) -> io::Result<bool> {
    match tokio::time::timeout(ANSWERS_WITHIN, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Ok(true),
    }
}
