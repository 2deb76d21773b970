//! The machine, opened again in the process from what is durable.

use relay_mcp_core::{Command, CommandId, Input, Machine, OpenError, Record};

use super::life::{Life, State};
use super::{Core, Driver, lock};
use crate::engine::{CannotOpen, seed};
use crate::store::StoreError;

/// Why there will be no machine again: nothing may be built on what the store holds (B-5.10).
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// It is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not what a machine left there.
    #[error(transparent)]
    Record(#[from] OpenError),
}

/// Why the machine was not opened.
enum Obstacle {
    /// It may be gone the next time.
    Passing(String),
    Lasting(End),
}

impl<M: Machine + Send + 'static> Driver<M> {
    /// Opens the machine from these records, and puts it to work. Gives the life that it is, unless it failed
    /// meanwhile: then none of what is told next concerns a machine.
    pub(super) async fn reopen(&self, records: Result<Vec<Record>, StoreError>) -> Option<Life> {
        let opened = match records {
            Ok(records) => self.open(records).await,
            Err(error) => Err(Obstacle::of(error)),
        };
        match opened {
            Ok(machine) => Some(self.put_to_work(machine)),
            Err(Obstacle::Passing(reason)) => {
                self.fail_to_open(&mut lock(&self.0.core), &reason);
                None
            }
            Err(Obstacle::Lasting(end)) => {
                self.turn_away(&mut lock(&self.0.core));
                lock(&self.0.end).replace(end);
                self.0.has_ended.notify_one();
                None
            }
        }
    }

    /// Off the event loop, since many records take their time.
    async fn open(&self, records: Vec<Record>) -> Result<M, Obstacle> {
        let mut config = self.0.config.clone();
        // What the runner said of the agent's context is in no record.
        config.context.extend(lock(&self.0.core).context.clone());
        let seed = seed().map_err(Obstacle::Passing)?;
        let driver = self.clone();
        let opening = self.0.runtime.spawn_blocking(move || {
            let now = driver.0.clock.now();
            driver.0.engine.open(config, seed, now, records)
        });
        match opening.await {
            Ok(Ok(machine)) => Ok(machine),
            Ok(Err(CannotOpen::Record(error))) => Err(Obstacle::Lasting(error.into())),
            Ok(Err(CannotOpen::Engine(sentence))) => Err(Obstacle::Passing(sentence)),
            Err(error) => Err(Obstacle::Passing(error.to_string())),
        }
    }

    fn put_to_work(&self, machine: M) -> Life {
        let life = {
            let mut core = lock(&self.0.core);
            let core = &mut *core;
            core.machine = State::Open(machine);
            let took_ms = core.pace.opened().map(|took| {
                self.0.metrics.machine_opened(took);
                u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
            });
            tracing::info!(took_ms, "the machine is open again");
            let first = first_inputs(core);
            lock(&self.0.inbox).inputs.splice(0..0, first);
            core.life
        };
        self.step_all();
        life
    }
}

/// What a machine is told before anything else: that no new work is to be begun, where that is so, and the time.
fn first_inputs<M>(core: &mut Core<M>) -> Vec<Input> {
    let mut first = Vec::new();
    if core.is_draining {
        // Nobody waits for the reply.
        let command = CommandId(core.tables.next_id());
        first.push(Input::Command { command, request: Command::Drain });
    }
    first.push(Input::Tick);
    first
}

impl Obstacle {
    fn of(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { .. } | StoreError::Newer { .. } => Self::Lasting(error.into()),
            StoreError::Full { .. } | StoreError::Unusable { .. } | StoreError::NotText { .. } => {
                Self::Passing(error.to_string())
            }
        }
    }
}
