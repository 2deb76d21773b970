//! A token file, read again when it changes.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::lookout::Lookout;
use super::{Bearer, TokenError, fit};
use crate::private_file::{self, Kind};

/// A token file: what it said last, and how it looked then.
pub(super) struct Watched {
    path: PathBuf,
    token: Option<Bearer>,
    seen: Stamp,
    /// It may have changed after it was read without looking different.
    fresh: bool,
    /// Notices changes, where that can be relied on.
    lookout: Option<Lookout>,
    looked: Instant,
    /// What was said last about it in the log.
    complaint: Option<String>,
}

/// How a file looks; None when there is no file to look at.
type Stamp = Option<[i64; 7]>;

/// File times are coarse: two changes within one tick of the file system's clock look the same.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// So long a lookout alone is relied on: nobody tells of a file system that is mounted over the way to the file, nor of
/// what is written to it as memory.
const LOOKOUT_ALONE: Duration = Duration::from_millis(100);

impl Watched {
    pub(super) fn open(path: &Path) -> Result<Self, TokenError> {
        let lookout = Lookout::over(path);
        let seen = look(path);
        let fresh = is_fresh(seen);
        let token = read(path)?;
        let looked = Instant::now();
        Ok(Self { path: path.to_owned(), token, seen, fresh, lookout, looked, complaint: None })
    }

    /// What the file said when it could last be read.
    pub(super) fn token(&self) -> Option<Bearer> {
        self.token.clone()
    }

    /// Reads the file if it looks different; whether it changed.
    pub(super) fn read_if_changed(&mut self) -> bool {
        if !self.fresh && self.is_unnoticed() {
            return false;
        }
        self.looked = Instant::now();
        if !self.fresh && look(&self.path) == self.seen {
            return false;
        }
        self.read()
    }

    /// Whether it is as it was when it was looked at, without a look at it.
    fn is_unnoticed(&mut self) -> bool {
        match &self.lookout {
            None => false,
            Some(lookout) if !lookout.has_noticed() => self.looked.elapsed() < LOOKOUT_ALONE,
            Some(_) => {
                self.watch_again();
                false
            }
        }
    }

    /// Has watched what is there now. It is looked at afterwards, so that no change falls between the two.
    fn watch_again(&mut self) {
        self.lookout = match self.lookout.take() {
            Some(mut lookout) => lookout.renew(&self.path).then_some(lookout),
            None => Lookout::over(&self.path),
        };
    }

    /// Reads the file; whether it changed: its looks, or what it says.
    pub(super) fn read(&mut self) -> bool {
        let mut seen = look(&self.path);
        let touched = seen != self.seen;
        if touched {
            // A lookout that did not notice this is over something else.
            self.watch_again();
            seen = look(&self.path);
        }
        (self.seen, self.fresh) = (seen, is_fresh(seen));
        match read(&self.path) {
            Ok(token) => {
                self.complaint = None;
                touched | (std::mem::replace(&mut self.token, token.clone()) != token)
            }
            Err(error) => {
                self.complain(error.to_string());
                false
            }
        }
    }

    /// Whether the file could be used when it was last read.
    pub(super) fn is_usable(&self) -> bool {
        self.complaint.is_none()
    }

    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            tracing::error!("{complaint}; the token stays as it was");
            self.complaint = Some(complaint);
        }
    }
}

fn look(path: &Path) -> Stamp {
    let file = path.symlink_metadata().ok()?;
    Some([
        file.dev().cast_signed(),
        file.ino().cast_signed(),
        file.size().cast_signed(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    ])
}

/// Whether a file that looks so changed a moment ago.
fn is_fresh(seen: Stamp) -> bool {
    let Some([.., seconds, nanoseconds]) = seen else { return false };
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let changed = UNIX_EPOCH + Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0));
    SystemTime::now().duration_since(changed).is_ok_and(|age| age < TICK)
}

fn read(path: &Path) -> Result<Option<Bearer>, TokenError> {
    let Some(text) = private_file::read(Kind::Token, path)? else { return Ok(None) };
    let place = path.display().to_string();
    match str::from_utf8(&text) {
        Ok(text) => fit(text, &place),
        Err(_) => Err(TokenError::NotVisible { place }),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_lookout_that_missed_a_change_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let [path, elsewhere] = ["token", "elsewhere"].map(|name| directory.path().join(name));
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut watched = Watched::open(&path).unwrap();
        // Where the file system does not tell, as in a container, it is looked at each time.
        if watched.lookout.is_none() {
            return;
        }
        std::thread::sleep(2 * TICK);
        let _ = watched.read_if_changed();
        watched.lookout = Lookout::over(&elsewhere);
        fs::write(&path, "two").unwrap();
        assert!(!watched.read_if_changed(), "nobody told");
        std::thread::sleep(2 * LOOKOUT_ALONE);
        assert!(watched.read_if_changed(), "it was looked at all the same");
        std::thread::sleep(2 * TICK);
        let _ = watched.read_if_changed();
        fs::write(&path, "three").unwrap();
        assert!(watched.read_if_changed());
    }
}
