//! What the machine observed, as a log line and a metric (B-8.2). Keys and names of tools are said,
//! arguments are not.

use std::time::Duration;

use relay_mcp_core::Observation;
use tracing::{debug, error, info, warn};

use super::metrics::Metrics;

/// Logs one observation and counts it.
pub fn observe(metrics: &Metrics, observation: &Observation) {
    count(metrics, observation);
    log(observation);
}

fn count(metrics: &Metrics, observation: &Observation) {
    let events = metrics.events();
    let counter = match observation {
        Observation::RelayUp { after: _ } | Observation::OutboxResumed => return,
        Observation::MenuChanged { streams } => {
            events.list_changed.inc_by(u64::try_from(*streams).unwrap_or(u64::MAX));
            return;
        }
        Observation::WriteDelivered { key: _, attempts: _, age } => {
            events.delivery_age.observe(age.as_secs_f64());
            &events.delivered
        }
        Observation::RelayDown { reason: _ } => &events.relay_lost,
        Observation::TokenRefused => &events.token_refused,
        Observation::HelloFromMemory => &events.hello_from_memory,
        Observation::MenuFromMemory => &events.menu_from_memory,
        Observation::RefreshFailed { reason: _ } => &events.refresh_failed,
        Observation::WriteQueued { key: _, tool: _ } => &events.enqueued,
        Observation::WriteRefused { tool: _, reason: _ } => &events.refused,
        Observation::WriteDeduplicated { key: _ } => &events.deduplicated,
        Observation::WriteRetried { key: _, reason: _, wait: _ } => &events.retried,
        Observation::WriteDead { key: _, reason: _ } => &events.dead,
        Observation::OutboxPaused => &events.paused,
        Observation::SessionReopened => &events.session_reopened,
        Observation::SessionFailed { reason: _ } => &events.session_failed,
        Observation::StoreFailed { reason: _ } => &events.store_failed,
    };
    counter.inc();
}

// Fields are recorded as strings, never with `%`: so each is quoted, and cannot pose as another field.
fn log(observation: &Observation) {
    match observation {
        Observation::RelayUp { after } => info!(away_ms = ms(*after), "the relay answers"),
        Observation::RelayDown { reason } => warn!(reason = reason.as_str(), "the relay does not answer"),
        Observation::TokenRefused => warn!("the relay refused the token: give the proxy another one"),
        Observation::HelloFromMemory => info!("the relay is away: the hello came from memory"),
        Observation::MenuFromMemory => info!("the relay is away: the menu came from memory"),
        Observation::MenuChanged { streams } => info!(streams, "the visible menu changed"),
        Observation::RefreshFailed { reason } => {
            warn!(reason = reason.as_str(), "the menu could not be fetched: the last one stays");
        }
        Observation::WriteQueued { key, tool } => {
            info!(key = key.as_str(), tool = tool.as_str(), "a write is queued");
        }
        Observation::WriteRefused { tool, reason } => {
            warn!(tool = tool.as_str(), reason = reason.as_str(), "a write was not accepted");
        }
        Observation::WriteDeduplicated { key } => {
            info!(key = key.as_str(), "a write came again under the same key");
        }
        Observation::WriteDelivered { key, attempts, age } => {
            info!(key = key.as_str(), attempts, age_ms = ms(*age), "a queued write was delivered");
        }
        Observation::WriteRetried { key, reason, wait } => {
            debug!(key = key.as_str(), reason = reason.as_str(), wait_ms = ms(*wait), "a delivery failed");
        }
        Observation::WriteDead { key, reason } => {
            error!(key = key.as_str(), reason = reason.as_str(), "a queued write is a dead letter");
        }
        Observation::OutboxPaused => warn!("the outbox waits for another token"),
        Observation::OutboxResumed => info!("the outbox goes on"),
        Observation::SessionReopened => info!("the relay had forgotten a session: it was opened again"),
        Observation::SessionFailed { reason } => {
            warn!(reason = reason.as_str(), "a session could not be opened with the relay");
        }
        Observation::StoreFailed { reason } => {
            error!(reason = reason.as_str(), "the store refused changes: nothing of them was promised");
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
