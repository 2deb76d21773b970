//! The recorder: a library that is loaded into the process under test, and what it wrote down.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::proxy::ProxyBuilder;

/// Records what processes do below one directory, one after the other.
#[derive(Debug)]
pub struct Recorder {
    place: TempDir,
    below: PathBuf,
}

/// One thing that a process did or had done to it, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Another process begins: it has no file open.
    Begin,
    Open {
        file: i64,
        path: PathBuf,
        creates: bool,
        truncates: bool,
    },
    /// A file or a socket.
    Close {
        file: i64,
    },
    Write {
        file: i64,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: i64,
        length: usize,
    },
    /// It has succeeded.
    Sync {
        file: i64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    /// It said this on a socket.
    Said {
        socket: i64,
        bytes: Vec<u8>,
    },
    /// It heard this on a socket.
    Heard {
        socket: i64,
        bytes: Vec<u8>,
    },
}

impl Recorder {
    /// Builds the library.
    ///
    /// # Panics
    /// When there is no C compiler.
    #[must_use]
    pub fn of(below: &Path) -> Self {
        let place = TempDir::with_prefix("relay-mcp-record-").expect("a temporary directory");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/disk/record.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(place.path().join("record.so"))
            .arg(&source)
            .args(["-ldl", "-lpthread"])
            .status();
        let is_built = built.as_ref().is_ok_and(std::process::ExitStatus::success);
        assert!(
            is_built,
            "{} needs a C compiler: {built:?}; on Debian `apt-get install gcc libc6-dev`, or run tests/run",
            source.display()
        );
        Self { place, below: below.to_owned() }
    }

    /// A proxy that is recorded.
    #[must_use]
    pub fn on(&self, builder: ProxyBuilder) -> ProxyBuilder {
        builder
            .env("LD_PRELOAD", &text(&self.place.path().join("record.so")))
            .env("RECORD_BELOW", &text(&self.below))
            .env("RECORD_TO", &text(&self.records()))
    }

    /// The same, on a disk that fails: `s 7` is its seventh sync, which comes to nothing, `w 7` its seventh write, of
    /// which half is done when there is no room left; `s 7-` and `w 7-` are that one and all after it.
    #[must_use]
    pub fn failing(&self, builder: ProxyBuilder, what: &str) -> ProxyBuilder {
        self.on(builder).env("RECORD_FAIL", what)
    }

    fn records(&self) -> PathBuf {
        self.place.path().join("records")
    }

    /// All that was recorded so far.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn ops(&self) -> Vec<Op> {
        let bytes = std::fs::read(self.records()).expect("read the records");
        let mut rest = &bytes[..];
        let mut ops = Vec::new();
        while let Some((op, behind)) = one(rest) {
            ops.push(op);
            rest = behind;
        }
        ops
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// The first record, and what is behind it. A process that was killed may have left half of one.
fn one(records: &[u8]) -> Option<(Op, &[u8])> {
    let number = |at: usize| Some(i64::from_ne_bytes(records.get(at..at + 8)?.try_into().ok()?));
    let (what, file, two) = (u8::try_from(number(0)?).expect("a kind"), number(8)?, number(16)?);
    let end = 32 + usize::try_from(number(24)?).expect("a length");
    let bytes = records.get(32..end)?.to_vec();
    let place = || usize::try_from(two).expect("a place in a file");
    let path = |bytes: &[u8]| PathBuf::from(std::str::from_utf8(bytes).expect("a path in UTF-8"));
    let op = match what {
        b'b' => Op::Begin,
        b'o' => Op::Open { file, path: path(&bytes), creates: two & 1 != 0, truncates: two & 2 != 0 },
        b'c' => Op::Close { file },
        b'w' => Op::Write { file, at: place(), bytes },
        b't' => Op::Truncate { file, length: place() },
        b's' => Op::Sync { file },
        b'r' => {
            let middle = bytes.iter().position(|byte| *byte == b'\n').expect("two paths");
            Op::Rename { from: path(&bytes[..middle]), to: path(&bytes[middle + 1..]) }
        }
        b'u' => Op::Unlink { path: path(&bytes) },
        b'>' => Op::Said { socket: file, bytes },
        b'<' => Op::Heard { socket: file, bytes },
        _ => panic!("a record of no known kind: {what}"),
    };
    Some((op, &records[end..]))
}
