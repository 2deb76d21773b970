//! The proxy under test, as the process that users run.

pub mod binary;
pub mod builder;
pub mod cli;
pub mod control;
pub mod home;
pub mod launch;
pub mod usage;
pub mod volume;

use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Child;

pub use self::builder::ProxyBuilder;
pub use self::cli::Ended;
pub use self::control::Control;
pub use self::home::Home;
pub use self::launch::Ready;
pub use self::usage::Usage;
pub use self::volume::Volume;
use crate::agent::Agent;
use crate::relay::Relay;
use crate::wait::{until_async, within};

/// A proxy that was started. Dropping it kills it.
#[derive(Debug)]
pub struct Proxy {
    builder: ProxyBuilder,
    running: Running,
}

/// One process of a proxy.
#[derive(Debug)]
struct Running {
    child: Child,
    ready: Ready,
    secret: Option<String>,
    control: Option<Control>,
    printed: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy of this relay.
    #[must_use]
    pub fn to(relay: &Relay) -> ProxyBuilder {
        ProxyBuilder::new(&relay.origin())
    }

    /// A proxy of the relay at this URL.
    #[must_use]
    pub fn to_url(url: &str) -> ProxyBuilder {
        ProxyBuilder::new(url)
    }

    /// What it said when it was ready.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.running.ready
    }

    #[must_use]
    pub fn home(&self) -> &Arc<Home> {
        &self.builder.home
    }

    /// The agent's secret.
    ///
    /// # Panics
    /// When it is in no file.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.running.secret.as_deref().expect("a secret file")
    }

    /// A legacy agent that knows the secret.
    #[must_use]
    pub fn agent(&self) -> Agent {
        Agent::of(&self.running.ready.url, Some(self.secret()))
    }

    /// An agent with this secret or none.
    #[must_use]
    pub fn stranger(&self, secret: Option<&str>) -> Agent {
        Agent::of(&self.running.ready.url, secret)
    }

    /// The runner's side.
    ///
    /// # Panics
    /// When it has no control listener.
    #[must_use]
    pub fn control(&self) -> &Control {
        self.running.control.as_ref().expect("a control listener")
    }

    /// A command of the command line against this proxy: `--control` is added.
    pub async fn cli(&self, arguments: &[&str]) -> Ended {
        let address = self.control().address.clone();
        cli::run(arguments.iter().copied().chain(["--control", &address])).await
    }

    /// `/v1/status`
    pub async fn status(&self) -> Value {
        self.control().status().await
    }

    /// What the process uses.
    ///
    /// # Panics
    /// When it has ended already.
    pub async fn usage(&self) -> Usage {
        Usage::of(self.running.child.id().expect("the proxy runs"), &self.control().metrics().await)
    }

    /// The most memory that was resident so far, in bytes.
    ///
    /// # Panics
    /// When it has ended already.
    #[must_use]
    pub fn peak(&self) -> usize {
        usage::peak(self.running.child.id().expect("the proxy runs"))
    }

    /// How much address space the process has taken, in KiB.
    ///
    /// # Panics
    /// When it has ended already.
    #[must_use]
    pub fn address_space(&self) -> u64 {
        usage::address_space(self.running.child.id().expect("the proxy runs"))
    }

    /// How long the process, and that of the test, have waited for a processor that others had.
    ///
    /// # Panics
    /// When it has ended already.
    #[must_use]
    pub fn waited(&self) -> Duration {
        let pid = self.running.child.id().expect("the proxy runs");
        usage::waited(pid) + usage::waited(std::process::id())
    }

    /// Waits until the process has nothing to do.
    ///
    /// # Panics
    /// When it always has, or has ended already.
    pub async fn rests(&self) {
        let pid = self.running.child.id().expect("the proxy runs");
        until_async("the proxy has nothing to do", async || usage::rests(pid).await.then_some(())).await;
    }

    /// Waits until so many writes are queued.
    ///
    /// # Panics
    /// When that does not happen.
    pub async fn depth_is(&self, depth: usize) {
        let reached = async || (self.status().await["outbox"]["depth"] == depth).then_some(());
        until_async(&format!("the outbox holds {depth}"), reached).await;
    }

    /// Waits until so many dead letters are there.
    ///
    /// # Panics
    /// When that does not happen.
    pub async fn dead_letters_are(&self, count: usize) {
        let reached = async || (self.status().await["outbox"]["deadLetters"] == count).then_some(());
        until_async(&format!("there are {count} dead letters"), reached).await;
    }

    /// Everything that it logged, restarts included.
    #[must_use]
    pub fn logs(&self) -> String {
        self.home().logs()
    }

    /// The lines that this process printed on stdout.
    ///
    /// # Panics
    /// Never, while nobody panics.
    #[must_use]
    pub fn printed(&self) -> Vec<String> {
        self.running.printed.lock().unwrap().clone()
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.running.child.kill().await.ok();
    }

    /// SIGTERM; does not wait.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGTERM, and how it ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.ended().await
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) {
        let pid = self.running.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("the proxy runs"), signal).expect("send a signal");
    }

    /// How it ended, once it has.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the proxy's end", self.running.child.wait()).await.expect("wait for the proxy")
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.running.child.try_wait(), Ok(Some(_)))
    }

    /// Kills it, if it runs, and starts it again in the same home, on any port.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.running = launch::launch(&self.builder).await;
    }

    /// Kills it, if it runs, and starts it again in the same home, on the same port.
    pub async fn restart_here(&mut self) {
        let port = self.ready().port;
        self.restart_as(|builder| builder.port(port)).await;
    }

    /// Kills it, if it runs, and starts it again in the same home, with other wishes.
    ///
    /// # Errors
    /// It does not get ready, and has ended.
    pub async fn try_restart_as(
        &mut self,
        change: impl FnOnce(ProxyBuilder) -> ProxyBuilder,
    ) -> Result<(), Ended> {
        self.builder = change(self.builder.clone());
        self.kill().await;
        self.running = launch::try_launch(&self.builder).await?;
        Ok(())
    }

    /// Kills it, if it runs, and starts it again in the same home, with other wishes.
    pub async fn restart_as(&mut self, change: impl FnOnce(ProxyBuilder) -> ProxyBuilder) {
        self.builder = change(self.builder.clone());
        self.restart().await;
    }
}
