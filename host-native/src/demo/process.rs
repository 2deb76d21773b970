//! A child process that ends with the demo.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use super::trouble::{Expecting, Trouble, in_time};

/// A child. It is killed when this is dropped, unless it is to stay.
pub(super) struct Process {
    child: Child,
    name: &'static str,
    stays: bool,
}

impl Process {
    /// Starts a child and waits until it says with a line of JSON on stdout that it is ready. What it says on
    /// stderr goes to `log`.
    ///
    /// It is a process group of its own, so that Ctrl-C at a terminal reaches the demo alone, and it gets none
    /// of our environment that the proxy would heed.
    pub(super) async fn start(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<(Self, Value), Trouble> {
        let says = OpenOptions::new().create(true).append(true).open(log);
        let says = says.expecting(format!("to open {}", log.display()))?;
        for (variable, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"RELAY_"))
        {
            command.env_remove(variable);
        }
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(says);
        let child = command.spawn().expecting(format!("to start {name}"))?;
        let mut process = Self { child, name, stays: false };
        let line = in_time(&format!("{name} to say that it is ready"), process.first_line()).await?;
        let line = line.expecting(format!("a line from {name}"))?;
        if line.is_empty() {
            return Err(process.last_words(log));
        }
        let ready = serde_json::from_str(&line).expecting(format!("JSON from {name}"))?;
        Ok((process, ready))
    }

    async fn first_line(&mut self) -> io::Result<String> {
        let Some(stdout) = self.child.stdout.take() else { return Ok(String::new()) };
        let mut line = String::new();
        let stdout = pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))?;
        BufReader::new(stdout).read_line(&mut line).await?;
        Ok(line)
    }

    /// It ended before it was ready.
    fn last_words(&mut self, log: &Path) -> Trouble {
        let said = fs::read_to_string(log).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        Trouble::new(format!("{} to say that it is ready", self.name), format!("that it ended, with: {last}"))
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: it has no chance to put anything in order. Returns when it is gone.
    pub(super) fn kill(mut self) -> Result<u32, Trouble> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.expecting(format!("to kill {}", self.name))?;
        Ok(self.id())
    }

    /// Lets it live on.
    pub(super) fn stay(mut self) {
        self.stays = true;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.stays {
            // Both fail only where it is gone already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_child_that_ends_before_it_is_ready_is_shown_with_its_last_words() {
        let place = tempfile::tempdir().unwrap();
        let script = shell("echo the port is taken >&2; exit 2");
        let started = Process::start("the child", &mut { script }, &place.path().join("log")).await;
        let trouble = started.err().unwrap();
        assert_eq!(
            trouble,
            Trouble::new("the child to say that it is ready", "that it ended, with: the port is taken")
        );
    }

    #[tokio::test]
    async fn a_child_ends_with_its_process() {
        let place = tempfile::tempdir().unwrap();
        let script = shell("echo '{\"ready\":true}'; exec sleep 100");
        let started = Process::start("the child", &mut { script }, &place.path().join("log")).await;
        let (process, ready) = started.unwrap();
        assert_eq!(ready["ready"], true);
        let entry = format!("/proc/{}", process.id());
        assert!(Path::new(&entry).exists() || !Path::new("/proc/self").exists());
        drop(process);
        assert!(!Path::new(&entry).exists());
    }
}
