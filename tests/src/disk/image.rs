//! A directory as the system sees it, and as a crash can leave it.
//!
//! A process that dies leaves all that it wrote. A machine that dies leaves what was synced, and of what was not any
//! part in any order, by sectors: of a file's bytes what is behind its last sync; of names what is behind the last
//! sync of the directory, of which a beginning has happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::record::Op;
use crate::seeded::Seeded;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed.
    Process,
    /// The power fails, and nothing that was not synced is there.
    PowerAndCache,
    /// The power fails, and of what was not synced this share of the sectors is there, in percent.
    Power(u64),
}

/// A directory.
#[derive(Debug)]
pub struct Disk {
    directory: PathBuf,
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    /// Since the directory was synced.
    renames: Vec<Naming>,
    open: BTreeMap<i64, Handle>,
}

/// A file's name and what is in it.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Clone, Debug, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Since it was synced.
    edits: Vec<Edit>,
}

#[derive(Clone, Debug)]
enum Edit {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

#[derive(Clone, Debug)]
enum Naming {
    Is(PathBuf, usize),
    Becomes(PathBuf, PathBuf, usize),
    IsNot(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handle {
    File(usize),
    Directory,
    /// A file that is not looked after.
    Elsewhere,
}

impl Disk {
    /// An empty directory.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            renames: Vec::new(),
            open: BTreeMap::new(),
        }
    }

    /// Does what the process did. Whether a crash can leave something else than before.
    ///
    /// # Panics
    /// When the process renamed what was not there.
    pub fn apply(&mut self, op: &Op) -> bool {
        match op {
            Op::Begin => self.open.clear(),
            Op::Open { file, path, creates, truncates } => {
                return self.open(*file, path, *creates, *truncates);
            }
            Op::Close { file } => {
                self.open.remove(file);
            }
            Op::Write { file, at, bytes } => {
                return self.edit(*file, Edit::Write { at: *at, bytes: bytes.clone() });
            }
            Op::Truncate { file, length } => return self.edit(*file, Edit::Truncate { length: *length }),
            Op::Sync { file } => return self.sync(*file),
            Op::Rename { from, to } => {
                let file = self.names[from];
                self.name(Naming::Becomes(from.clone(), to.clone(), file));
                return true;
            }
            Op::Unlink { path } => {
                self.name(Naming::IsNot(path.clone()));
                return true;
            }
            Op::Said { .. } | Op::Heard { .. } => {}
        }
        false
    }

    fn open(&mut self, file: i64, path: &Path, creates: bool, truncates: bool) -> bool {
        if path == self.directory {
            self.open.insert(file, Handle::Directory);
            return false;
        }
        let known = self.names.get(path).copied();
        if known.is_none() && !creates {
            // It came there by a way that is not recorded, such as a link.
            self.open.insert(file, Handle::Elsewhere);
            return false;
        }
        let number = known.unwrap_or_else(|| {
            self.files.push(File::default());
            self.name(Naming::Is(path.to_owned(), self.files.len() - 1));
            self.files.len() - 1
        });
        self.open.insert(file, Handle::File(number));
        if truncates && known.is_some() {
            self.edit(file, Edit::Truncate { length: 0 });
        }
        known.is_none() || truncates
    }

    fn edit(&mut self, file: i64, edit: Edit) -> bool {
        let Handle::File(number) = self.open[&file] else { return false };
        edit.apply_to(&mut self.files[number].now);
        self.files[number].edits.push(edit);
        true
    }

    fn sync(&mut self, file: i64) -> bool {
        match self.open[&file] {
            Handle::File(number) => {
                let file = &mut self.files[number];
                file.edits.clear();
                file.synced.clone_from(&file.now);
            }
            Handle::Directory => {
                self.renames.clear();
                self.synced_names.clone_from(&self.names);
            }
            Handle::Elsewhere => return false,
        }
        true
    }

    fn name(&mut self, naming: Naming) {
        naming.apply_to(&mut self.names);
        self.renames.push(naming);
    }

    /// The files that a crash leaves at this moment, of those that are looked for.
    #[must_use]
    pub fn after(&self, crash: Crash, chance: &mut Seeded, is_wanted: impl Fn(&Path) -> bool) -> Files {
        let mut names = match crash {
            Crash::Process => self.names.clone(),
            Crash::PowerAndCache | Crash::Power(_) => self.synced_names.clone(),
        };
        if let Crash::Power(_) = crash {
            let happened = chance.below(self.renames.len() as u64 + 1);
            self.renames.iter().take(happened as usize).for_each(|naming| naming.apply_to(&mut names));
        }
        names.retain(|name, _| is_wanted(name));
        names.into_iter().map(|(name, number)| (name, self.files[number].after(crash, chance))).collect()
    }
}

impl File {
    fn after(&self, crash: Crash, chance: &mut Seeded) -> Vec<u8> {
        let percent = match crash {
            Crash::Process => return self.now.clone(),
            Crash::PowerAndCache => return self.synced.clone(),
            Crash::Power(percent) => percent,
        };
        let mut left = self.synced.clone();
        for edit in self.edits.iter().flat_map(Edit::sectors) {
            if chance.below(100) < percent {
                edit.apply_to(&mut left);
            }
        }
        left
    }
}

impl Edit {
    fn apply_to(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Truncate { length } => content.resize(*length, 0),
        }
    }

    /// What of it happens whole or not at all.
    fn sectors(&self) -> Vec<Self> {
        let Self::Write { at, bytes } = self else { return vec![self.clone()] };
        let mut sectors = Vec::new();
        let (mut at, mut rest) = (*at, &bytes[..]);
        while !rest.is_empty() {
            let (sector, behind) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
            sectors.push(Self::Write { at, bytes: sector.to_vec() });
            (at, rest) = (at + sector.len(), behind);
        }
        sectors
    }
}

impl Naming {
    fn apply_to(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Is(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Becomes(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Self::IsNot(name) => {
                names.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: usize, text: &str) -> Op {
        Op::Write { file: 3, at, bytes: text.into() }
    }

    #[test]
    fn a_crash_leaves_what_was_synced_and_any_part_of_the_rest() {
        let path = |name: &str| Path::new("/d").join(name);
        let mut disk = Disk::new(Path::new("/d"));
        let open = |file, name| Op::Open { file, path: path(name), creates: true, truncates: false };
        let ops = [
            open(3, "a"),
            write(0, "one"),
            Op::Sync { file: 3 },
            Op::Open { file: 4, path: "/d".into(), creates: false, truncates: false },
            Op::Sync { file: 4 },
            write(3, "two"),
            Op::Rename { from: path("a"), to: path("b") },
        ];
        ops.iter().for_each(|op| {
            disk.apply(op);
        });
        let mut chance = Seeded::new(1);
        let mut after = |crash| disk.after(crash, &mut chance, |_| true);
        assert_eq!(after(Crash::Process), Files::from([(path("b"), b"onetwo".to_vec())]));
        assert_eq!(after(Crash::PowerAndCache), Files::from([(path("a"), b"one".to_vec())]));
        let left: std::collections::BTreeSet<Files> = (0..100).map(|_| after(Crash::Power(50))).collect();
        assert_eq!(left.len(), 4, "the old name or the new one, with the second write or without: {left:?}");
    }

    #[test]
    fn a_write_is_torn_at_the_borders_of_sectors() {
        let write = Edit::Write { at: 500, bytes: vec![1; 600] };
        let sizes: Vec<usize> = write
            .sectors()
            .iter()
            .map(|sector| match sector {
                Edit::Write { bytes, .. } => bytes.len(),
                Edit::Truncate { .. } => 0,
            })
            .collect();
        assert_eq!(sizes, [12, 512, 76]);
    }
}
