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

#[cfg(test)]
mod tests {
    use relay_mcp_core::mcp::Era;
    use relay_mcp_core::{Method, OutboxStatus, RelayState, RelayStatus, Status, ToolsStatus};

    use super::*;
    use crate::telemetry::{CallOutcome, RequestOutcome};

    fn status() -> Status {
        Status {
            relay: RelayStatus { state: RelayState::Up, since_ms: 5, era: Some(Era::Legacy) },
            outbox: OutboxStatus {
                depth: 2,
                bytes: 640,
                oldest_age_ms: Some(1_500),
                dead_letters: 1,
                paused: false,
            },
            streams: 3,
            sessions: 4,
            context: [("isolatedWorktree".to_owned(), true)].into(),
            tools: ToolsStatus { visible: vec!["a".into(), "b".into()], hidden: vec![] },
        }
    }

    fn assert_lines(page: &str, lines: &[&str]) {
        for line in lines {
            let line = format!("\nrelay_mcp_proxy_{line}\n");
            assert!(page.contains(&line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn g16_what_became_of_each_write_is_counted() {
        let metrics = Metrics::new("1.2.3", "native");
        let text = || "k".to_owned();
        for observation in [
            Observation::WriteQueued { key: text(), tool: text() },
            Observation::WriteQueued { key: text(), tool: text() },
            Observation::WriteRefused { tool: text(), reason: text() },
            Observation::WriteDeduplicated { key: text() },
            Observation::WriteRetried { key: text(), reason: text(), wait: Duration::from_secs(1) },
            Observation::WriteDelivered { key: text(), attempts: 2, age: Duration::from_secs(30) },
            Observation::WriteDead { key: text(), reason: text() },
            Observation::StoreFailed { reason: text() },
            Observation::MenuChanged { streams: 3 },
            Observation::SessionReopened,
        ] {
            observe(&metrics, &observation);
        }
        metrics.store_synced(Duration::from_millis(3));
        assert_lines(
            &metrics.scrape(&status()),
            &[
                "outbox_enqueued_total 2",
                "outbox_refused_total 1",
                "outbox_deduplicated_total 1",
                "outbox_retried_total 1",
                "outbox_delivered_total 1",
                "outbox_dead_total 1",
                "outbox_delivery_age_seconds_bucket{le=\"60.0\"} 1",
                "store_failures_total 1",
                "store_sync_seconds_count 1",
                "list_changed_notifications_total 3",
                "sessions_reopened_total 1",
            ],
        );
    }

    #[test]
    fn g16_the_gauges_are_the_status_at_the_time_of_looking() {
        let metrics = Metrics::new("1.2.3", "component");
        assert_lines(
            &metrics.scrape(&status()),
            &[
                "build_info{version=\"1.2.3\",engine=\"component\"} 1",
                "relay_up 1",
                "outbox_depth 2",
                "outbox_bytes 640",
                "outbox_oldest_age_seconds 1.5",
                "outbox_dead_letters 1",
                "outbox_paused 0",
                "streams_open 3",
                "sessions 4",
                "tools_visible 2",
                "tools_hidden 0",
            ],
        );
    }

    #[test]
    fn b_9_8_labels_are_closed_sets() {
        let metrics = Metrics::new("1.2.3", "native");
        let series = |page: &str| page.lines().filter(|line| !line.starts_with('#')).count();
        let before = series(&metrics.scrape(&status()));
        for status in 0..=999 {
            metrics.refused(status);
        }
        for method in [Method::Get, Method::Post, Method::Delete] {
            metrics.request(method, RequestOutcome::of_status(200));
        }
        metrics.relay_call(CallOutcome::NotSent);
        let page = metrics.scrape(&status());
        assert_eq!(series(&page), before);
        assert_lines(
            &page,
            &[
                "door_refusals_total{status=\"401\"} 1",
                "door_refusals_total{status=\"other\"} 989",
                "requests_total{method=\"DELETE\",outcome=\"answered\"} 1",
                "relay_calls_total{outcome=\"not_sent\"} 1",
            ],
        );
    }
}
