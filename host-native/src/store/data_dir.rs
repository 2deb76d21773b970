//! The data directory: one proxy at a time, closed to others (B-5.10).

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The names in a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPaths(PathBuf);

impl DataPaths {
    /// The names in this directory, which need not exist.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// The store.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.0.join("store.sqlite3")
    }

    /// The agent's secret, unless the runner chose another place (B-1.4).
    #[must_use]
    pub fn secret_path(&self) -> PathBuf {
        self.0.join("secret")
    }

    /// The secret of a control listener on TCP (B-10).
    #[must_use]
    pub fn control_secret_path(&self) -> PathBuf {
        self.0.join("control-secret")
    }

    /// The control socket, unless the runner chose another place (B-10).
    #[must_use]
    pub fn control_socket_path(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    fn lock_path(&self) -> PathBuf {
        self.0.join("lock")
    }
}

/// A data directory that is ours until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    paths: DataPaths,
    _lock: File,
}

/// Why a data directory cannot be ours.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// B-5.10: another process has it.
    #[error(
        "the data directory {} is held by another proxy, and two never share an outbox: \
         stop that one, or give this one another --data-dir",
        path.display()
    )]
    Held {
        /// The data directory.
        path: PathBuf,
    },
    /// There is something else of that name.
    #[error("the data directory {} is not a directory: choose another --data-dir", path.display())]
    NotADirectory {
        /// The data directory.
        path: PathBuf,
    },
    /// It can not be made, or not be written to.
    #[error("the data directory {} cannot be used: {source}", path.display())]
    Unusable {
        /// The data directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl DataDirError {
    /// The exit code of a proxy that stops for this (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Held { .. } => 3,
            Self::NotADirectory { .. } | Self::Unusable { .. } => 2,
        }
    }
}

impl DataDir {
    /// Takes the directory; makes it, mode 0700, when it is missing.
    ///
    /// # Errors
    /// Another process holds it, or it cannot be made or written to.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let paths = DataPaths::new(directory);
        let path = || paths.directory().to_owned();
        let unusable = |source| DataDirError::Unusable { path: path(), source };
        create(paths.directory()).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                DataDirError::NotADirectory { path: path() }
            }
            _ => unusable(source),
        })?;
        let lock = open_lock(&paths.lock_path()).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { paths, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Held { path: path() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The names in it.
    #[must_use]
    pub fn paths(&self) -> &DataPaths {
        &self.paths
    }

    /// See [`DataPaths::store_path`].
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.paths.store_path()
    }

    /// See [`DataPaths::secret_path`].
    #[must_use]
    pub fn secret_path(&self) -> PathBuf {
        self.paths.secret_path()
    }

    /// See [`DataPaths::control_secret_path`].
    #[must_use]
    pub fn control_secret_path(&self) -> PathBuf {
        self.paths.control_secret_path()
    }

    /// See [`DataPaths::control_socket_path`].
    #[must_use]
    pub fn control_socket_path(&self) -> PathBuf {
        self.paths.control_socket_path()
    }
}

fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn b_5_10_a_second_proxy_is_told_that_the_directory_is_held_until_the_first_lets_go() {
        let place = tempfile::tempdir().unwrap();
        let first = DataDir::open(place.path().join("data")).unwrap();
        let second = DataDir::open(place.path().join("data")).unwrap_err();
        assert!(matches!(second, DataDirError::Held { .. }));
        assert_eq!(second.exit_code(), 3);
        assert!(second.to_string().contains("held by another proxy"), "{second}");
        drop(first);
        assert!(DataDir::open(place.path().join("data")).is_ok());
    }

    #[test]
    fn a_missing_directory_is_made_and_closed_to_others() {
        let place = tempfile::tempdir().unwrap();
        let data = DataDir::open(place.path().join("a/b")).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(data.paths().directory()), 0o700);
        assert_eq!(mode(&data.paths().lock_path()), 0o600);
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_refused_with_its_path() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = DataDir::open(&path).unwrap_err();
            assert!(matches!(error, DataDirError::NotADirectory { .. }), "{error}");
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(&path.display().to_string()));
        }
    }
}
