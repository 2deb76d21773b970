//! The program: what a command line sets off, for whatever engine runs the core.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use relay_mcp_core::Machine;
use relay_mcp_heap::OfThread;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{self, Cli, Command, ControlArgs, OutboxArgs, OutboxCommand};
use crate::commands::{self, CommandError, Offline, Target, outbox};
use crate::config::{ComponentSettings, Environment, ServeArgs, resolve};
use crate::control::ClientError;
use crate::demo;
use crate::engine::Engine;
use crate::open_files;
use crate::sidecar::{Sidecar, StartError};
use crate::telemetry::logs;

/// Why the program failed: a sentence for stderr, and an exit code (B-10).
struct Failure {
    sentence: String,
    exit_code: u8,
}

/// What differs between the programs.
pub struct Program<M> {
    /// Makes the engine.
    pub engine: fn(&ComponentSettings) -> Result<Engine<M>, String>,
    /// Says what `engine` would make of these settings, for `check`: without making it.
    pub describe: Describe,
}

/// A line about the component; none where the core is built in. Fails as making the engine would.
pub type Describe = fn(&ComponentSettings) -> Result<Option<String>, String>;

/// Runs the program with this process's arguments.
#[must_use]
pub fn main<M: Machine + Send + 'static>(program: Program<M>) -> ExitCode {
    let cli = Cli::parse();
    let environment = Environment::of_this_process();
    match run(cli.command, &environment, &program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where stderr is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "relay-mcp-proxy: {}", failure.sentence);
            ExitCode::from(failure.exit_code)
        }
    }
}

fn run<M: Machine + Send + 'static>(
    command: Command,
    environment: &Environment,
    program: &Program<M>,
) -> Result<(), Failure> {
    let out = &mut io::stdout().lock();
    match command {
        Command::Serve(args) => block_on(serve(&args, environment, program))?,
        Command::Check(args) => {
            cli::check(&args, environment, program.describe, out).map_err(|e| Failure::new(&e, e.exit_code()))
        }
        Command::Config(args) => cli::client_config(&args, out).map_err(|e| Failure::new(&e, e.exit_code())),
        Command::Demo(args) => {
            block_on(demo::run(args.keep, out))?.map_err(|e| Failure::new(&e, e.exit_code()))
        }
        Command::DemoRelay(args) => block_on(demo::serve_relay(args, out))?.map_err(|e| Failure::new(&e, 1)),
        Command::Status(args) => {
            let target = target(&args.at, environment)?;
            Ok(block_on(commands::status(&target, args.at.json, out))??)
        }
        Command::Refresh(args) => {
            let target = target(&args.at, environment)?;
            Ok(block_on(commands::refresh(&target, args.at.json, out))??)
        }
        Command::Context(args) => {
            let target = target(&args.at, environment)?;
            Ok(block_on(commands::context(&target, &args.flags, args.at.json, out))??)
        }
        Command::Outbox(args) => block_on(look_after_outbox(&args, environment, out))?,
    }
}

/// Runs something to its end. What is still in the background then, such as a look-up of the relay's name that
/// nobody answers, holds up nothing.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// One thread: the proxy of one agent has little to do, and a small one costs every user less. It is the thread of
/// the program, so it keeps the small pieces of memory that it frees.
fn runtime() -> Result<Runtime, Failure> {
    OfThread::keep();
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure { sentence: format!("no event loop can be had: {error}"), exit_code: 1 })
}

async fn serve<M: Machine + Send + 'static>(
    args: &ServeArgs,
    environment: &Environment,
    program: &Program<M>,
) -> Result<(), Failure> {
    let resolved = resolve(args, environment).map_err(|e| Failure::new(&e, e.exit_code()))?;
    let engine = (program.engine)(&resolved.component);
    let engine = engine.map_err(|sentence| Failure { sentence, exit_code: 2 })?;
    logs::init(resolved.log.format, &resolved.log.level.to_string()).map_err(|e| Failure::new(&e, 2))?;
    open_files::allow_all();
    // Before anybody can know that the proxy is there, so that no signal finds it unprepared.
    let signals = Signals::catch().map_err(|e| Failure::new(&e, 1))?;
    let sidecar = Sidecar::start(resolved.settings, &engine).await?;
    let line = serde_json::to_string(sidecar.ready()).map_err(|e| Failure::new(&e, 1))?;
    writeln!(io::stdout(), "{line}").map_err(|e| Failure::new(&e, 1))?;
    let handle = sidecar.handle().clone();
    tokio::spawn(async move {
        signals.any().await;
        handle.shut_down();
    });
    sidecar.run().await.map_err(|e| Failure::new(&e, e.exit_code()))
}

/// The signals that ask to stop (B-8.4).
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn look_after_outbox(
    args: &OutboxArgs,
    environment: &Environment,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let target = target(&args.at, environment)?;
    let json = args.at.json;
    let client = target.client()?;
    match do_with_outbox(&client, &args.command, json, out).await {
        // Nobody listens: then the data directory may be free.
        Err(CommandError::Client(ClientError::Unreachable { .. })) if args.at.control.is_none() => {
            let paths = args.at.target(environment).map_err(|e| Failure::new(&e, 2))?.data;
            Ok(do_with_outbox(&Offline::open(&paths)?, &args.command, json, out).await?)
        }
        done => Ok(done?),
    }
}

async fn do_with_outbox(
    outbox: &impl outbox::Outbox,
    command: &OutboxCommand,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    match command {
        OutboxCommand::List => outbox::list(outbox, json, out).await,
        OutboxCommand::Show(write) => outbox::show(outbox, &write.key, json, out).await,
        OutboxCommand::Retry(write) => outbox::retry(outbox, &write.key, json, out).await,
        OutboxCommand::Discard(write) => outbox::discard(outbox, &write.key, json, out).await,
    }
}

fn target(at: &ControlArgs, environment: &Environment) -> Result<Target, Failure> {
    let found = at.target(environment).map_err(|e| Failure::new(&e, 2))?;
    Ok(Target { address: found.address, data_dir: found.data.directory().to_owned() })
}

impl Failure {
    fn new(error: &impl std::fmt::Display, exit_code: u8) -> Self {
        Self { sentence: error.to_string(), exit_code }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::new(&error, error.exit_code())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(&error, error.exit_code())
    }
}
