//! A lookout over a file: the kernel tells what is done to it and to the way there, before whoever does it goes on
//! (inotify(7)). To ask whether it told anything takes a tenth of the time that a look at the file takes.

use std::ffi::{CStr, OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{self, Path};

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::fs::statfs;
use rustix::io::{Errno, ioctl_fionread};

/// The file systems that change by what is done on this machine, and tell of it: ext2 to ext4, tmpfs, XFS, Btrfs, F2FS.
const TELLING: [i64; 5] = [0xef53, 0x0102_1994, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

/// What the kernel tells of one file, and of the way there.
pub(super) struct Lookout {
    told: OwnedFd,
    /// What is watched, and the name in it that leads on: of each directory from the root on, and of the file none.
    watched: Vec<(i32, OsString)>,
}

impl Lookout {
    /// Has this file watched, whether it is there or not: a change from here on is noticed. Nothing where one may go
    /// unnoticed: over a link, or on a file system that others change; nor where the system lets nobody watch more.
    pub(super) fn over(file: &Path) -> Option<Self> {
        let file = path::absolute(file).ok()?;
        if !file.ancestors().skip(1).all(|directory| tells(directory) == Ok(true)) {
            return None;
        }
        let told = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        let mut lookout = Self { told, watched: Vec::new() };
        lookout.renew(&file).then_some(lookout)
    }

    /// Watches what is there now. Whether all of it is watched.
    pub(super) fn renew(&mut self, file: &Path) -> bool {
        let before = std::mem::take(&mut self.watched);
        let is_whole = path::absolute(file).is_ok_and(|file| self.watch_all(&file).is_ok());
        for (old, _) in before {
            if self.watched.iter().all(|(watched, _)| *watched != old) {
                // What is not there any more is not watched any more.
                let _ = inotify::remove_watch(&self.told, old);
            }
        }
        is_whole
    }

    /// From the root on: what is moved before it is watched leads nowhere else.
    fn watch_all(&mut self, file: &Path) -> Result<(), Errno> {
        let mut way: Vec<&Path> = file.ancestors().collect();
        way.reverse();
        for pair in way.windows(2) {
            let name = pair[1].file_name().unwrap_or_default();
            let entries = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::ONLYDIR;
            self.watch(pair[0], entries, name)?;
        }
        match self.watch(file, WatchFlags::MODIFY | WatchFlags::ATTRIB, OsStr::new("")) {
            // Its directory tells when there is one.
            Err(Errno::NOENT) => Ok(()),
            done => done,
        }
    }

    fn watch(&mut self, path: &Path, what: WatchFlags, name: &OsStr) -> Result<(), Errno> {
        if !tells(path)? {
            return Err(Errno::NOTSUP);
        }
        let watched = inotify::add_watch(&self.told, path, what | WatchFlags::DONT_FOLLOW)?;
        self.watched.push((watched, name.to_owned()));
        Ok(())
    }

    /// Whether the kernel told anything of the file, or of the way there. Then it is to be [renewed](Self::renew), since
    /// it may be over what is not there any more.
    pub(super) fn has_noticed(&self) -> bool {
        !matches!(ioctl_fionread(&self.told), Ok(0)) && self.hear()
    }

    fn hear(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.told, &mut buffer);
        let mut is_ours = false;
        loop {
            match events.next() {
                Ok(event) => is_ours |= self.concerns(event.wd(), event.file_name()),
                Err(Errno::INTR) => {}
                Err(error) => return is_ours || error != Errno::AGAIN,
            }
        }
    }

    /// Whether it is about the file or the way there. What has no name is about what is watched itself, or says that
    /// more happened than can be told.
    fn concerns(&self, watched: i32, name: Option<&CStr>) -> bool {
        name.is_none_or(|name| {
            self.watched.iter().any(|(known, on)| *known == watched && on.as_bytes() == name.to_bytes())
        })
    }
}

/// Whether this is on a file system that tells.
fn tells(path: &Path) -> Result<bool, Errno> {
    let kind = statfs(path)?.f_type;
    Ok(TELLING.iter().any(|telling| i128::from(*telling) == i128::from(kind)))
}
