//! Bounds and times, each with what ships and what would be absurd (B-1.7, B-11).

use std::ops::RangeInclusive;
use std::time::Duration;

use super::layers::{Layers, given};
use super::source::Given;
use super::{ConfigError, units};
use crate::settings::HttpLimits;

const HOUR: Duration = Duration::from_secs(3600);
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=HOUR;
/// A tool may take a day.
const CALLS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
const COUNTS: RangeInclusive<usize> = 1..=65_536;
const BODY_BYTES: RangeInclusive<usize> = 1..=1 << 30;
/// The HTTP library does not go below 8 KiB.
const HEADER_BYTES: RangeInclusive<usize> = 8192..=1 << 20;
const INFLIGHT_BYTES: RangeInclusive<usize> = 1024..=1 << 40;
const CONNECTIONS: RangeInclusive<usize> = 1..=1 << 20;
/// For clients that keep a connection for later, and for those that are told to come again.
const SPARE_CONNECTIONS: usize = 256;
const OUTBOX_ENTRIES: RangeInclusive<usize> = 1..=10_000_000;
const OUTBOX_BYTES: RangeInclusive<usize> = 1..=1 << 40;

/// Bounds of the agent's HTTP.
pub(super) fn http(layers: &Layers<'_>) -> Result<HttpLimits, ConfigError> {
    let body = given!(layers.text, "max-body-bytes", max_body_bytes)?;
    let header = given!(layers.text, "max-header-bytes", max_header_bytes)?;
    let head_timeout = given!(layers.text, "head-timeout", head_timeout)?;
    let body_timeout = given!(layers.text, "body-timeout", body_timeout)?;
    let requests = given!(layers.text, "max-requests", max_requests)?;
    let inflight = given!(layers.text, "max-inflight-bytes", max_inflight_bytes)?;
    let connections = given!(layers.text, "max-connections", max_connections)?;
    let streams = given!(layers.text, "max-streams", max_streams)?;
    let max_body_bytes = size(body, 4 << 20, BODY_BYTES)?;
    let max_requests = count(requests, 256, COUNTS)?;
    let streams = count(streams, relay_mcp_core::Limits::default().streams, COUNTS)?;
    Ok(HttpLimits {
        max_body_bytes,
        max_header_bytes: size(header, 64 << 10, HEADER_BYTES)?,
        head_timeout: time(head_timeout, Duration::from_secs(10), TIMES)?,
        body_timeout: time(body_timeout, Duration::from_secs(30), TIMES)?,
        max_requests,
        max_inflight_bytes: size(inflight, 32 << 20, INFLIGHT_BYTES)?.max(max_body_bytes),
        max_connections: count(connections, max_requests + streams + SPARE_CONNECTIONS, CONNECTIONS)?,
    })
}

/// How long what is in flight may take to finish; `0s` is not at all (B-8.4).
pub(super) fn grace(layers: &Layers<'_>) -> Result<Duration, ConfigError> {
    let grace = given!(layers.text, "grace", grace)?;
    time(grace, Duration::from_secs(10), Duration::ZERO..=HOUR)
}

/// The bounds and times of the machine.
pub(super) fn machine(layers: &Layers<'_>, core: &mut relay_mcp_core::Config) -> Result<(), ConfigError> {
    let relay_timeout = given!(layers.text, "relay-timeout", relay_timeout)?;
    let call_timeout = given!(layers.text, "call-timeout", call_timeout)?;
    let keepalive = given!(layers.text, "keepalive", keepalive)?;
    let streams = given!(layers.text, "max-streams", max_streams)?;
    let entries = given!(layers.text, "outbox-max-entries", outbox_max_entries)?;
    let bytes = given!(layers.text, "outbox-max-bytes", outbox_max_bytes)?;
    core.relay_timeout = time(relay_timeout, core.relay_timeout, TIMES)?;
    core.call_timeout = time(call_timeout, core.call_timeout, CALLS)?;
    core.keepalive = time(keepalive, core.keepalive, TIMES)?;
    core.limits.streams = count(streams, core.limits.streams, COUNTS)?;
    core.limits.outbox_entries = count(entries, core.limits.outbox_entries, OUTBOX_ENTRIES)?;
    core.limits.outbox_bytes = size(bytes, core.limits.outbox_bytes, OUTBOX_BYTES)?;
    Ok(())
}

fn time(
    given: Option<Given<String>>,
    default: Duration,
    range: RangeInclusive<Duration>,
) -> Result<Duration, ConfigError> {
    given.map_or(Ok(default), |given| given.read(|text| units::duration(text, range)))
}

fn size(
    given: Option<Given<String>>,
    default: usize,
    range: RangeInclusive<usize>,
) -> Result<usize, ConfigError> {
    given.map_or(Ok(default), |given| given.read(|text| units::bytes(text, range)))
}

fn count(
    given: Option<Given<String>>,
    default: usize,
    range: RangeInclusive<usize>,
) -> Result<usize, ConfigError> {
    given.map_or(Ok(default), |given| given.read(|text| units::count(text, range)))
}
