//! A lookout over a file: the kernel tells what is done to it and to the way there, before whoever does it goes on
//! (inotify(7)). To ask whether it told anything takes a tenth of the time that a look at the file takes.

use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{self, Path};

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use rustix::fs::statfs;
use rustix::io::{Errno, ioctl_fionread};

/// The file systems that change by what is done on this machine, and tell of it: ext2 to ext4, tmpfs, XFS, Btrfs, F2FS.
const TELLING: [i64; 5] = [0xef53, 0x0102_1994, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

/// What the kernel tells of one file.
pub(super) struct Lookout {
    told: OwnedFd,
    name: OsString,
}

impl Lookout {
    /// Has this file watched as it is now, or is not: a change from here on is noticed. Nothing where one may go
    /// unnoticed: over a link, or on a file system that others change; nor where the system lets nobody watch more.
    pub(super) fn over(file: &Path) -> Option<Self> {
        let file = path::absolute(file).ok()?;
        let told = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        let moves = WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF | WatchFlags::DONT_FOLLOW;
        let writes = WatchFlags::MODIFY | WatchFlags::ATTRIB;
        let entries = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        let watch = |path: &Path, what| match tells(path) {
            Ok(true) => inotify::add_watch(&told, path, what).map(drop),
            Ok(false) => Err(Errno::NOTSUP),
            Err(error) => Err(error),
        };
        // From the root on: what is moved before it is watched leads nowhere else.
        let way: Vec<&Path> = file.ancestors().skip(1).collect();
        for directory in way.iter().rev() {
            watch(directory, moves | WatchFlags::ONLYDIR).ok()?;
        }
        watch(file.parent()?, moves | writes | entries | WatchFlags::ONLYDIR).ok()?;
        match watch(&file, moves | writes) {
            // Its directory tells when there is one.
            Ok(()) | Err(Errno::NOENT) => Some(Self { told, name: file.file_name()?.to_owned() }),
            Err(_) => None,
        }
    }

    /// Whether the kernel told anything of the file, or of the way there. Then another lookout is needed, since this
    /// one may be over what is not there any more.
    pub(super) fn has_noticed(&self) -> bool {
        !matches!(ioctl_fionread(&self.told), Ok(0)) && self.hear()
    }

    fn hear(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.told, &mut buffer);
        let mut is_ours = false;
        loop {
            match events.next() {
                // What has no name is about what is watched itself, or says that more happened than can be told.
                Ok(event) => {
                    is_ours |= event.file_name().is_none_or(|name| name.to_bytes() == self.name.as_bytes());
                }
                Err(Errno::INTR) => {}
                Err(error) => return is_ours || error != Errno::AGAIN,
            }
        }
    }
}

fn tells(path: &Path) -> Result<bool, Errno> {
    let kind = statfs(path)?.f_type;
    Ok(TELLING.iter().any(|telling| i128::from(*telling) == i128::from(kind)))
}
