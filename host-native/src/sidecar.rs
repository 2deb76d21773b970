//! One proxy, from start to shutdown: the data directory is taken, the store opened, the machine put to
//! work, the listeners opened; and all of that ended in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use relay_mcp_core::door::Door;
use relay_mcp_core::{FORMAT, Machine, OpenError};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::control::{Control, ControlError, Info};
use crate::driver::{Driver, End, Parts};
use crate::engine::{CannotOpen, Engine, seed};
use crate::handle::Handle;
use crate::relay_client::{RelayClient, RelayClientError};
use crate::secret::{SecretError, agent_secret};
use crate::server::{ListenError, Open, Server, listen};
use crate::settings::{ControlAddress, SecretOrigin, Settings, TokenOrigin};
use crate::store::{DataDir, DataDirError, Sqlite, Store, StoreError};
use crate::telemetry::Metrics;
use crate::token::{TokenError, TokenSource};

/// The name under which the one agent's records are kept.
pub const AGENT: &str = "agent";

/// How often a token file is looked at for the sake of a queue that waits for another token (B-5.8).
const TOKEN_WATCH: Duration = Duration::from_millis(500);

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used, or another proxy holds it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The agent's or the runner's secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The relay token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no way to the relay.
    #[error(transparent)]
    Relay(#[from] RelayClientError),
    /// The agent cannot be listened to.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The runner cannot be listened to.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The core cannot be run.
    #[error("{0}")]
    Engine(String),
    /// The operating system has no randomness or no thread to give.
    #[error("the operating system refuses what a start needs: {0}")]
    System(String),
}

/// Why a proxy that ran does so no more: its machine failed, and nothing may be built on what the store holds.
#[derive(Debug, thiserror::Error)]
#[error("the machine failed and cannot be opened again: {0}")]
pub struct RunError(StoreError);

impl RunError {
    /// The exit code of the process (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }
}

impl StartError {
    /// The exit code of the process (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::DataDir(error) => error.exit_code(),
            Self::Store(error) => error.exit_code(),
            Self::Secret(_) | Self::Token(_) | Self::Relay(_) | Self::Listen(_) | Self::Control(_) => 2,
            Self::Engine(_) | Self::System(_) => 1,
        }
    }
}

/// Where a running proxy is found: the line that says that it is ready (B-10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// The agent's endpoint.
    pub url: String,
    /// Its port.
    pub port: u16,
    /// The file that holds the agent's secret; none where it came from the environment.
    pub secret_file: Option<PathBuf>,
    /// The control listener, as `--control` takes it; none where there is none.
    pub control: Option<String>,
}

/// A proxy that runs.
pub struct Sidecar<M> {
    ready: Ready,
    handle: Handle,
    driver: Driver<M>,
    door: JoinHandle<Open>,
    control: JoinHandle<()>,
    /// True once all is over, so that the control listener goes last.
    over: watch::Sender<bool>,
    stop: watch::Receiver<bool>,
    grace: Duration,
    data_dir: DataDir,
}

impl<M: Machine + Send + 'static> Sidecar<M> {
    /// Starts a proxy on the current runtime. When this returns, agent and runner can connect.
    ///
    /// # Errors
    /// What is in the way; nothing was queued, answered or overwritten.
    pub async fn start(settings: Settings, engine: &Engine<M>) -> Result<Self, StartError> {
        let data_dir = DataDir::open(&settings.data_dir)?;
        let (sqlite, records) = Sqlite::open(data_dir.store_path(), AGENT)?;
        let clock = Clock::start();
        let machine = engine
            .open(settings.core.clone(), seed().map_err(StartError::System)?, clock.now(), records)
            .map_err(|error| unopened(&data_dir, error))?;
        let secret = agent_secret(&settings.secret)?;
        let token = TokenSource::open(&settings.token)?;
        let relay = RelayClient::new(settings.relay.clone(), token.clone(), settings.connect_timeout)?;
        let listener = listen(settings.listen)?;
        let control = bind_control(&settings, &data_dir).await?;
        let ready = ready(&settings, &listener, &control)?;

        let store = Store::spawn(sqlite).map_err(|error| StartError::System(error.to_string()))?;
        let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), engine.name());
        let parts = Parts {
            engine: engine.clone(),
            config: settings.core,
            relay,
            store,
            clock,
            metrics: metrics.clone(),
        };
        let driver = Driver::start(machine, parts);
        let (handle, asked, stop) = Handle::new(token.clone());
        let (over, is_over) = watch::channel(false);
        tokio::spawn(driver.clone().answer_questions(asked));
        if matches!(settings.token, TokenOrigin::File(_)) {
            tokio::spawn(watch_token(token, handle.clone(), metrics.clone()));
        }
        let door = Door {
            allowed_hosts: settings.allowed_hosts,
            allowed_origins: settings.allowed_origins,
            body_limit: settings.http.max_body_bytes,
        };
        let server = Server::new(driver.clone(), door, secret, settings.http, metrics.clone(), stop.clone());
        let info = Info::new(engine.name(), &settings.relay);
        let control = tokio::spawn(control.serve(handle.clone(), metrics, info, is_over));
        let door = tokio::spawn(server.serve(listener));
        Ok(Self { ready, handle, driver, door, control, over, stop, grace: settings.grace, data_dir })
    }

    /// Where it is found.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The runner's side of it.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs until somebody [asks](Handle::shut_down) to stop, then shuts down: stops accepting, ends the
    /// event streams, gives what is in flight the time of `--grace`, keeps the outbox (B-8.4).
    ///
    /// # Errors
    /// When the machine failed, which the native one never does, and the store is not one that another can be
    /// opened from. A machine that can be is, in the process.
    pub async fn run(mut self) -> Result<(), RunError> {
        let end = tokio::select! {
            // A sender that is gone wants nothing more either.
            _ = self.stop.wait_for(|stop| *stop) => None,
            end = self.driver.ended() => Some(end),
        };
        if let Some(end) = end {
            self.door.abort();
            self.control.abort();
            close_store(self.driver).await;
            return Err(RunError(match end {
                End::Store(error) => error,
                End::Record(error) => unread(&self.data_dir, &error),
            }));
        }
        tracing::info!("shutting down");
        self.driver.ask(relay_mcp_core::Command::Drain).await;
        if let Ok(open) = self.door.await
            && tokio::time::timeout(self.grace, open.shutdown()).await.is_err()
        {
            tracing::warn!(
                "some requests were still in flight after the grace time (--grace), and were cut off"
            );
        }
        close_store(self.driver).await;
        self.over.send_replace(true);
        // All that can go wrong with it is a panic, which has been shown.
        let _ = self.control.await;
        Ok(())
    }
}

/// The machine's last words, such as a write that was just accepted, are written before the end.
async fn close_store<M: Machine + Send + 'static>(driver: Driver<M>) {
    let closed = tokio::task::spawn_blocking(move || driver.close_store());
    if closed.await.is_err() {
        tracing::error!("the store was not closed in order");
    }
}

async fn bind_control(settings: &Settings, data_dir: &DataDir) -> Result<Control, StartError> {
    let secret = match &settings.control {
        ControlAddress::Tcp(_) => Some(agent_secret(&SecretOrigin::File(data_dir.control_secret_path()))?),
        ControlAddress::Unix(_) | ControlAddress::None => None,
    };
    Ok(Control::bind(&settings.control, secret).await?)
}

fn ready(settings: &Settings, listener: &TcpListener, control: &Control) -> Result<Ready, StartError> {
    let address: SocketAddr = listener.local_addr().map_err(|error| StartError::System(error.to_string()))?;
    let secret_file = match &settings.secret {
        SecretOrigin::File(path) => Some(path.clone()),
        SecretOrigin::Environment(_) => None,
    };
    Ok(Ready {
        url: format!("http://{address}{}", relay_mcp_core::door::PATH),
        port: address.port(),
        secret_file,
        control: control.address(),
    })
}

fn unopened(data_dir: &DataDir, error: CannotOpen) -> StartError {
    match error {
        CannotOpen::Record(error) => StartError::Store(unread(data_dir, &error)),
        CannotOpen::Engine(sentence) => StartError::Engine(sentence),
    }
}

/// A record that cannot be read is damage: the store is neither used nor written (B-5.10).
fn unread(data_dir: &DataDir, error: &OpenError) -> StoreError {
    StoreError::Damaged { path: data_dir.store_path(), what: format!("{error} (format {FORMAT})") }
}

/// A queue that paused for a refused token goes on when the file holds another one.
async fn watch_token(token: TokenSource, handle: Handle, metrics: Metrics) {
    let mut known = token.current();
    loop {
        tokio::time::sleep(TOKEN_WATCH).await;
        let current = token.current();
        metrics.token_file(token.is_file_usable());
        if current != known {
            known = current;
            if handle.ask(relay_mcp_core::Command::TokenChanged).await.is_err() {
                return;
            }
        }
    }
}
