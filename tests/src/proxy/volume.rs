//! A small file system of its own for a data directory, so that it can be full, or closed to writing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory, mounted on a directory until it is dropped.
#[derive(Debug)]
pub struct Volume(PathBuf);

impl Volume {
    /// Mounts one of so many KiB on this directory, which is made.
    ///
    /// # Panics
    /// When this process may not mount.
    #[must_use]
    pub fn on(directory: &Path, kib: usize) -> Self {
        std::fs::create_dir_all(directory).expect("a directory");
        mount(&["-t", "tmpfs", "-o", &format!("size={kib}k,mode=0700"), "tmpfs"], directory);
        Self(directory.to_owned())
    }

    /// Nothing can be written to it any more. Nobody may have a file open there.
    ///
    /// # Panics
    /// When it is in use.
    pub fn close_to_writing(&self) {
        mount(&["-o", "remount,ro"], &self.0);
    }

    /// It can be written to again.
    ///
    /// # Panics
    /// When the system does not take it.
    pub fn open_to_writing(&self) {
        mount(&["-o", "remount,rw"], &self.0);
    }

    /// Fills it to the last byte with something else; the file that does.
    ///
    /// # Panics
    /// When it cannot be written to.
    #[must_use]
    pub fn fill(&self) -> PathBuf {
        let ballast = self.0.join("somebody-elses");
        let mut file = std::fs::File::create(&ballast).expect("a file of somebody else's");
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
        ballast
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily: a process that was killed may not be gone yet.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], directory: &Path) {
    let done = Command::new("mount").args(arguments).arg(directory).output().expect("run mount");
    assert!(
        done.status.success(),
        "this test mounts a small file system, and may not: {}; run it as root, or as `unshare -rm tests/run`",
        String::from_utf8_lossy(&done.stderr).trim()
    );
}
