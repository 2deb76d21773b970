//! Files that hold something secret: the agent's secret, the control listener's, the relay token (B-1.4, B-2.2).
//!
//! One is read only when nobody else can read it, change it, or put another one in its place: a regular file, no
//! link, of mode 0600 or less, that belongs to who runs the proxy, or to root. What is looked at is the open file, so
//! that nothing can be exchanged between the look and the reading.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::geteuid;

/// Why such a file is not used. Never shows what is in it.
#[derive(Debug, thiserror::Error)]
#[error("the {kind} file {} {trouble}", path.display())]
pub struct PrivateFileError {
    /// What should be in it.
    kind: Kind,
    /// The file.
    path: PathBuf,
    /// What is wrong with it.
    trouble: Trouble,
}

/// What a private file holds, and how many bytes of it there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The agent's secret, or the control listener's.
    Secret,
    /// The relay token.
    Token,
}

impl Kind {
    fn most_bytes(self) -> u64 {
        match self {
            Self::Secret => 4 << 10,
            Self::Token => 64 << 10,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Secret => "secret",
            Self::Token => "token",
        })
    }
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Someone else could have it point elsewhere; a pipe would be waited for.
    #[error("is not a regular file, or is a link: put what it should hold itself there")]
    NotAFile,
    /// It is no secret then.
    #[error("has mode {mode:04o}, so others can read or change it: run `chmod 600 {}`", .path.display())]
    Open { mode: u32, path: PathBuf },
    /// It is the secret of somebody else.
    #[error("belongs to another user (uid {owner}): run `chown {own} {}`", .path.display())]
    Foreign { owner: u32, own: u32, path: PathBuf },
    #[error("holds more than {0} bytes, which is no secret and no token")]
    TooLarge(u64),
    #[error("cannot be {action}: {source}")]
    Io { action: &'static str, source: io::Error },
}

impl PrivateFileError {
    /// What the operating system would not do to it.
    pub(crate) fn io(kind: Kind, path: &Path, action: &'static str, source: io::Error) -> Self {
        Self { kind, path: path.to_owned(), trouble: Trouble::Io { action, source } }
    }
}

/// What the file holds; nothing where there is none.
///
/// # Errors
/// It is not private, too large, or cannot be read.
pub(crate) fn read(kind: Kind, path: &Path) -> Result<Option<Vec<u8>>, PrivateFileError> {
    let failed = |trouble| PrivateFileError { kind, path: path.to_owned(), trouble };
    let unreadable = |source| PrivateFileError::io(kind, path, "read", source);
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if is_link(&error) => return Err(failed(Trouble::NotAFile)),
        Err(error) => return Err(unreadable(error)),
    };
    check(&file, path).map_err(unreadable)?.map_or(Ok(()), |trouble| Err(failed(trouble)))?;
    let mut bytes = Vec::new();
    file.take(kind.most_bytes() + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > kind.most_bytes() {
        return Err(failed(Trouble::TooLarge(kind.most_bytes())));
    }
    Ok(Some(bytes))
}

/// Follows no link, and waits for nobody who might write into a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

fn check(file: &File, path: &Path) -> io::Result<Option<Trouble>> {
    let file = file.metadata()?;
    let own = geteuid();
    Ok(if !file.is_file() {
        Some(Trouble::NotAFile)
    } else if file.mode() & 0o077 != 0 {
        Some(Trouble::Open { mode: file.mode() & 0o7777, path: path.to_owned() })
    } else if file.uid() != own.as_raw() && file.uid() != 0 {
        Some(Trouble::Foreign { owner: file.uid(), own: own.as_raw(), path: path.to_owned() })
    } else {
        None
    })
}
