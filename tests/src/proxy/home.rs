//! What of a proxy outlives its process: data directory, token file, what it printed.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

/// A directory of its own, removed with the last test that holds it.
#[derive(Debug)]
pub struct Home(TempDir);

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty one.
    ///
    /// # Panics
    /// When there is no temporary directory.
    #[must_use]
    pub fn new() -> Self {
        Self(TempDir::with_prefix("relay-mcp-").expect("a temporary directory"))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// `--data-dir`
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// `--token-file`
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.path().join("token")
    }

    /// Puts another token into the token file, whole or not at all.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_token(&self, token: &str) {
        let new = self.path().join("token.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        let file = file.as_mut().expect("a file for the token");
        file.write_all(token.as_bytes()).expect("write the token");
        std::fs::rename(new, self.token_file()).expect("put the token in place");
    }

    /// Everything that was logged so far, by all processes of this home.
    #[must_use]
    pub fn logs(&self) -> String {
        let bytes = std::fs::read(self.path().join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Where a process writes its stderr.
    pub(super) fn stderr(&self) -> Stdio {
        let file = OpenOptions::new().append(true).create(true).open(self.path().join("stderr"));
        file.expect("a file for stderr").into()
    }

    /// All files below the data directory, with what is in them.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut directories = vec![self.data()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("read the data directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.is_file() {
                    let bytes = std::fs::read(&path).expect("read a file");
                    files.push((path, bytes));
                }
            }
        }
        files.sort();
        files
    }
}
