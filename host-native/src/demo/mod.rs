//! `demo` (B-10): a relay, the proxy and an agent, and what happens when the first two die. The relay and the
//! proxy are processes of their own, so that they can really be killed; everything said between them is HTTP.

mod agent;
mod calm;
mod comeback;
mod events;
mod keep;
mod outage;
mod port;
mod process;
mod proxy;
mod relay;
mod stage;
mod story;
mod tell;
mod trouble;

use std::io::{self, Write};
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

pub use relay::{RelayError, serve_relay};
use stage::Stage;
use tell::Teller;
use trouble::Expecting;
pub use trouble::Trouble;

/// Why the demo did not come to its good end. What was expected and what was seen is part of its output.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// It never began.
    #[error("the demo cannot be set up: expected {}, but saw {}", .0.expected, .0.seen)]
    Setup(Trouble),
    /// Something was not as it should be.
    #[error("step {0} of the demo failed")]
    Failed(usize),
    /// SIGINT, SIGTERM or SIGHUP.
    #[error("the demo was interrupted; its relay and its proxy are stopped")]
    Interrupted,
    /// Nobody reads.
    #[error("the demo cannot be told: {0}")]
    Output(#[from] io::Error),
}

impl DemoError {
    /// The exit code of the process (B-10).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Setup(_) | Self::Failed(_) | Self::Output(_) => 1,
            Self::Interrupted => 130,
        }
    }
}

/// Tells the whole story, and checks each step of it. The relay and the proxy end with it, whatever happens,
/// unless they are to be kept and all went well.
///
/// # Errors
/// A step was not as it should be, or the story was broken off.
pub async fn run(keep: bool, out: &mut impl Write) -> Result<(), DemoError> {
    let began = Instant::now();
    let interrupted = interruption().expecting("to catch signals").map_err(DemoError::Setup)?;
    let mut stage = Stage::set().map_err(DemoError::Setup)?;
    writeln!(out, "An agent, the proxy and a relay, over real HTTP; nothing leaves this machine.\n")?;
    let mut tell = Teller::new(out);
    let told = tokio::select! {
        told = story::walk(&stage, &mut tell) => told,
        () = interrupted => Err(DemoError::Interrupted),
    };
    match told {
        Ok(cast) => {
            let seconds = began.elapsed().as_secs_f64();
            writeln!(out, "\nEvery step was verified, in {seconds:.1} s.")?;
            if keep {
                keep::leave(&stage, &cast, out)?;
                stage.stay();
                cast.stay();
            }
            Ok(())
        }
        Err(failure @ DemoError::Failed(_)) => {
            writeln!(out, "    logs:     {}", stage.directory().display())?;
            stage.stay();
            Err(failure)
        }
        Err(DemoError::Interrupted) => {
            writeln!(out)?;
            Err(DemoError::Interrupted)
        }
        Err(failure @ (DemoError::Setup(_) | DemoError::Output(_))) => Err(failure),
    }
}

/// SIGINT, SIGTERM or SIGHUP, caught from now on: before there is a child that could be left behind.
fn interruption() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
