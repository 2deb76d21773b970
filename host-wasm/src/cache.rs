//! Compiled components on disk, so that a start costs milliseconds.
//!
//! Compiled code is run as it is, so it is believed only when this user wrote it and nobody else could: a
//! regular file of ours with mode 0600, in a directory of ours, whose checksum fits. Everything else is compiled
//! anew.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

const CHECKSUM: usize = 32;

/// A directory of compiled components.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The cache in this directory, which need not exist yet.
    #[must_use]
    pub fn in_directory(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The component in these bytes, compiled now or before.
    ///
    /// # Errors
    /// When it cannot be compiled. A cache that cannot be used is none.
    pub(crate) fn component(&self, engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
        let path = self.directory.join(name(engine, bytes));
        if let Some(compiled) = read(&path) {
            // SAFETY: the code was compiled by this program for this user, and nobody else could write it: see
            // `read`. wasmtime itself checks that it is of this version and for this machine.
            #[expect(unsafe_code, reason = "compiled code cannot be checked by reading it")]
            let known = unsafe { Component::deserialize(engine, compiled) };
            if let Ok(component) = known {
                return Ok(component);
            }
        }
        let component = Component::from_binary(engine, bytes)?;
        // Without a cache the next start takes longer, and that is all.
        let _ = component.serialize().map(|compiled| self.write(&path, &compiled));
        Ok(component)
    }

    fn write(&self, path: &Path, compiled: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let unfinished = path.with_extension(format!("{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let written = file.write_all(&Sha256::digest(compiled)).and_then(|()| file.write_all(compiled));
        match written {
            Ok(()) => fs::rename(&unfinished, path),
            Err(error) => fs::remove_file(&unfinished).and(Err(error)),
        }
    }
}

/// The name of a compiled component: what it was compiled from, by which compiler and for which machine.
fn name(engine: &Engine, bytes: &[u8]) -> String {
    use std::hash::{Hash, Hasher};
    let mut compiler = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compiler);
    let source = Sha256::digest(bytes);
    let source: String = source.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{source}-{:016x}.compiled", compiler.finish())
}

/// The compiled code in this file, if it can be believed.
fn read(path: &Path) -> Option<Vec<u8>> {
    let directory = fs::symlink_metadata(path.parent()?).ok()?;
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file: File =
        OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    let known = file.metadata().ok()?;
    let us = rustix::process::geteuid().as_raw();
    let is_ours = known.is_file() && known.uid() == us && known.mode() & 0o777 == 0o600;
    let is_in_ours = directory.is_dir() && directory.uid() == us && directory.mode() & 0o022 == 0;
    if !is_ours || !is_in_ours {
        return None;
    }
    let mut checksum = [0; CHECKSUM];
    file.read_exact(&mut checksum).ok()?;
    let mut compiled = Vec::new();
    file.read_to_end(&mut compiled).ok()?;
    (Sha256::digest(&compiled)[..] == checksum).then_some(compiled)
}
