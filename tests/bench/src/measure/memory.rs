//! How much memory a sidecar takes: before anybody asks, and after very many requests.

use std::time::Duration;

use super::Bench;
use crate::load::{Load, Prepared, Until};
use crate::mcp::{ID, Scenario};
use crate::process::Memory;
use crate::relay::Relay;
use crate::target::Sidecar;

/// One build.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) target: String,
    pub(crate) idle: Memory,
    /// After so many requests.
    pub(crate) after: Vec<(u64, Memory)>,
}

/// At once.
const CONNECTIONS: usize = 16;

/// Measures every build.
///
/// # Errors
/// A request fails.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Vec<Taken>, String> {
    let relay = Relay::start(bench.cores.load)?;
    let mut taken = Vec::new();
    for build in bench.builds {
        let steps: [u64; 4] = bench.size([10_000, 100_000, 500_000, 1_000_000], [100, 500, 1_000, 2_000]);
        eprintln!("memory after {} requests: {}", steps[3], build.name);
        let home = bench.new_home();
        // The second start is like all that follow: it finds a store.
        drop(Sidecar::start(build, relay.address(), bench.cores.proxy, &home, &[])?);
        let sidecar = Sidecar::start(build, relay.address(), bench.cores.proxy, &home, &[])?;
        std::thread::sleep(bench.size(Duration::from_secs(2), Duration::ZERO));
        let idle = Memory::of(sidecar.pid());
        let after = steps_of(&sidecar, &steps).map_err(|why| format!("{}: {why}", build.name))?;
        taken.push(Taken { target: build.name.clone(), idle, after });
    }
    Ok(taken)
}

fn steps_of(sidecar: &Sidecar, steps: &[u64]) -> Result<Vec<(u64, Memory)>, String> {
    let session = sidecar.endpoint.greet()?;
    let mut requests = [Prepared::new(&sidecar.endpoint, session.as_deref(), &Scenario::Small.body(ID))];
    let mut load = Load::connect(&sidecar.endpoint, CONNECTIONS)?;
    let (mut done, mut after) = (0, Vec::new());
    for &step in steps {
        let outcome = load.run(&mut requests, Until::Requests(step - done))?;
        if let Some(error) = outcome.error {
            return Err(format!("{} requests fail: {error}", outcome.errors));
        }
        done = step;
        after.push((step, Memory::of(sidecar.pid())));
    }
    Ok(after)
}
