//! What a process does to the disk, recorded write by write and sync by sync, and the disks that a crash at any of
//! these points can leave.

pub mod image;
pub mod record;

pub use self::image::{Crash, Disk, Files};
pub use self::record::{Op, Recorder};
