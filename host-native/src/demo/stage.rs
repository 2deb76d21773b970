//! Where the story takes place: a directory of its own, two ports, and the program that plays the parts.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::port::Port;
use super::trouble::{Expecting, Trouble};
use crate::secret::{agent_secret, random_hex};
use crate::settings::SecretOrigin;
use crate::store::DataPaths;

/// The stage. Its directory is removed with it, unless it is to stay.
pub(super) struct Stage {
    directory: PathBuf,
    program: PathBuf,
    pub(super) relay: Port,
    pub(super) proxy: Port,
    stays: bool,
}

impl Stage {
    /// Makes the directory, closed to others, and mints the relay's token in it.
    pub(super) fn set() -> Result<Self, Trouble> {
        let program = std::env::current_exe().expecting("to find this program's own file")?;
        let port = || Port::choose().expecting("a free port on 127.0.0.1");
        let name = random_hex::<4>().expecting("randomness for a directory's name")?;
        let directory = std::env::temp_dir().join(format!("relay-mcp-demo-{name}"));
        let stage = Self { directory, program, relay: port()?, proxy: port()?, stays: false };
        let made = DirBuilder::new().mode(0o700).create(&stage.directory);
        made.expecting(format!("to make the directory {}", stage.directory.display()))?;
        agent_secret(&SecretOrigin::File(stage.relay_token())).expecting("to mint a token for the relay")?;
        Ok(stage)
    }

    /// Leaves the directory where it is.
    pub(super) fn stay(&mut self) {
        self.stays = true;
    }

    /// All that the story leaves behind is in here.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// This program, which plays the relay and the proxy.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The relay's token, mode 0600. The relay and the proxy read it; the agent does not.
    pub(super) fn relay_token(&self) -> PathBuf {
        self.directory.join("relay-token")
    }

    /// What arrived at the relay, over all its lives.
    pub(super) fn arrivals(&self) -> PathBuf {
        self.directory.join("arrivals.jsonl")
    }

    /// What this process says on stderr.
    pub(super) fn log(&self, process: &str) -> PathBuf {
        self.directory.join(format!("{process}.log"))
    }

    /// The proxy's data directory.
    pub(super) fn data(&self) -> DataPaths {
        DataPaths::new(self.directory.join("data"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.stays {
            // It is below the system's directory for what nobody needs for long.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[tokio::test]
    async fn b_1_4_the_stage_is_closed_to_others_and_is_gone_in_the_end() {
        let stage = Stage::set().unwrap();
        let directory = stage.directory().to_owned();
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&stage.relay_token())), (0o700, 0o600));
        drop(stage);
        assert!(!directory.exists());
    }
}
