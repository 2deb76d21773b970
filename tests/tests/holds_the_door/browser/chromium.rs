//! Chromium without a window.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Where it is.
const VARIABLE: &str = "RELAY_MCP_CHROMIUM";

/// A browser with a profile of its own. Dropping it ends it.
pub(super) struct Chromium {
    process: Child,
    profile: TempDir,
}

impl Chromium {
    /// Opens a page; this name, whatever its port, is this machine.
    pub(super) fn open(url: &str, name: &str) -> Self {
        let path = std::env::var_os(VARIABLE).unwrap_or_else(|| "chromium".into());
        let profile = TempDir::with_prefix("relay-mcp-chromium-").unwrap();
        let said = std::fs::File::create(profile.path().join("said")).unwrap();
        let mut command = Command::new(&path);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--no-proxy-server", "--disable-features=HttpsUpgrades"])
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            .arg(format!("--host-resolver-rules=MAP {name} 127.0.0.1"))
            .args(["--remote-debugging-port=0", url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        let process = command.spawn().unwrap_or_else(|error| {
            panic!(
                "this test needs Chromium, and {} cannot be run ({error}): `tests/run` installs it (Debian: \
                 `apt-get install chromium`), or set {VARIABLE}",
                path.display()
            )
        });
        Self { process, profile }
    }

    /// What it said, for who waited in vain.
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(self.profile.path().join("said")).unwrap_or_default()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
