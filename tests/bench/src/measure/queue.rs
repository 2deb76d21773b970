//! A sidecar whose relay is away, and agents that write to it.

use std::path::PathBuf;
use std::time::Duration;

use super::Bench;
use crate::bare;
use crate::client::Endpoint;
use crate::load::{Load, Outcome, Prepared, Until};
use crate::mcp::{self, ID};
use crate::relay::Relay;
use crate::target::Sidecar;
use crate::target::sidecar::Build;

/// A sidecar that queues what its agents write.
pub(crate) struct Queueing {
    pub(crate) sidecar: Sidecar,
    pub(crate) home: PathBuf,
    load: Load,
    requests: Vec<Prepared>,
}

impl Queueing {
    /// Starts it in a new directory, with room for so many writes, and so many agents greeted: the relay must be away.
    ///
    /// # Errors
    /// It does not queue.
    pub(crate) fn start(
        bench: &Bench<'_>,
        build: &Build,
        relay: &Relay,
        agents: usize,
        room: u64,
    ) -> Result<Self, String> {
        let home = bench.new_home();
        let mut arguments = vec![
            format!("--outbox-max-entries={room}"),
            format!("--outbox-max-bytes={}", room * 4096),
            format!("--max-requests={}", agents + 256),
        ];
        if build.is_component() {
            arguments.push(format!("--component-memory={}MiB", (256 + room * 4096 / (1 << 20)).min(4095)));
        }
        let sidecar = Sidecar::start(build, relay.address(), bench.cores.proxy, &home, &arguments)?;
        let endpoint = &sidecar.endpoint;
        let requests = (0..agents).map(|lane| agent(endpoint, lane)).collect::<Result<Vec<_>, _>>()?;
        let load = Load::connect(endpoint, agents)?;
        let mut queueing = Self { sidecar, home, load, requests };
        queueing.is_queueing()?;
        Ok(queueing)
    }

    /// Every agent writes, one write after the other; all answers must be receipts.
    ///
    /// # Errors
    /// A write is refused, or not queued.
    pub(crate) fn write(&mut self, until: Until) -> Result<Outcome, String> {
        let before = self.sidecar.queued()?;
        let outcome = self.load.run(&mut self.requests, until)?;
        let queued = self.sidecar.queued()? - before;
        match &outcome.error {
            Some(error) => Err(format!("{} writes fail: {error}", outcome.errors)),
            None if queued != outcome.requests => {
                Err(format!("{} writes are answered with 200, and {queued} are queued", outcome.requests))
            }
            None => Ok(outcome),
        }
    }

    /// The first write of each agent, before anything is measured.
    fn is_queueing(&mut self) -> Result<(), String> {
        let agents = self.requests.len() as u64;
        self.write(Until::Requests(agents)).map(|_| ())
    }

    /// The store of this sidecar.
    pub(crate) fn store(&self) -> PathBuf {
        self.home.join("data/store.sqlite3")
    }

    /// Ends it, and looks whether its store holds what it had queued.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn end(self) -> Result<(), String> {
        let (queued, store) = (self.sidecar.queued()?, self.store());
        drop(self);
        match bare::writes_in(&store)? {
            (stored, _) if stored == queued => Ok(()),
            (stored, _) => Err(format!("{queued} writes were queued, and {stored} are in the store")),
        }
    }
}

fn agent(endpoint: &Endpoint, lane: usize) -> Result<Prepared, String> {
    let session = endpoint.greet()?;
    Ok(Prepared::new(endpoint, session.as_deref(), &mcp::write(ID)).of_agent(lane))
}

/// For how long writes are measured in a round.
pub(crate) fn time(bench: &Bench<'_>) -> Duration {
    Duration::from_secs_f64(bench.seconds)
}
