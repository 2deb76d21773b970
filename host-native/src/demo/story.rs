//! The story, from top to bottom.

use std::io::Write;

use super::DemoError;
use super::process::Process;
use super::proxy::Proxy;
use super::stage::Stage;
use super::tell::Teller;
use super::{calm, comeback, outage};

/// Who is on the stage at the end.
pub(super) struct Cast {
    pub(super) relay: Process,
    pub(super) proxy: Proxy,
}

impl Cast {
    /// Lets both live on.
    pub(super) fn stay(self) {
        self.relay.stay();
        self.proxy.stay();
    }
}

/// A write as the agent made it, and the key that it went under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) key: String,
    pub(super) text: String,
}

/// Walks through it.
pub(super) async fn walk(stage: &Stage, tell: &mut Teller<'_, impl Write>) -> Result<Cast, DemoError> {
    let starts = calm::relay(stage);
    let relay = tell.step("A small relay starts: an MCP server that wants a token", starts).await?;
    let starts = calm::proxy(stage);
    let proxy = tell.step("The proxy starts in front of it", starts).await?;
    let connects = calm::connect(stage, &proxy);
    let (mut agent, mut events) =
        tell.step("The agent connects: initialize, initialized, event stream", connects).await?;
    let asks = calm::menu(&mut agent, &proxy);
    tell.step("It asks for the menu: narrowed", asks).await?;
    let calls = calm::call(&mut agent);
    tell.step("It calls a tool: passed through", calls).await?;
    let mut writes = Vec::new();
    let sends = calm::write(stage, &mut agent, &mut writes);
    tell.step("It sends a message: applied at once", sends).await?;
    let is_told = calm::worktree(&mut agent, &mut events, &proxy);
    tell.step("It gets a worktree: the menu grows, and it is told", is_told).await?;

    let dies = outage::relay_dies(stage, relay, &mut agent, &mut writes);
    tell.step("The relay dies (kill -9) with a write in its hands: applied, never answered", dies).await?;
    let works_on = outage::work_on(&mut agent);
    tell.step("The agent works on without it", works_on).await?;
    let queues = outage::queue(&mut agent, &proxy, &mut writes);
    tell.step("It makes two more writes: queued", queues).await?;
    let dies = outage::proxy_dies(stage, proxy, events, &writes);
    tell.step("The proxy dies too (kill -9)", dies).await?;
    let returns = outage::proxy_returns(stage, &mut agent, &writes);
    let (proxy, mut events) =
        tell.step("The proxy is restarted: same port, same data directory", returns).await?;
    let queues = outage::queue_behind(&mut agent, &proxy, &mut writes);
    tell.step("One more write: behind the others", queues).await?;

    let returns = comeback::relay(stage, &mut agent, &proxy, &mut writes);
    let relay = tell.step("The relay returns: each write arrives once, in order", returns).await?;
    let goes_on = comeback::normal(&mut agent, &mut events, &proxy);
    tell.step("The agent goes on as if nothing had been", goes_on).await?;
    let leaves = comeback::leave(agent, events, &proxy);
    tell.step("It says goodbye: its session ends", leaves).await?;
    Ok(Cast { relay, proxy })
}
