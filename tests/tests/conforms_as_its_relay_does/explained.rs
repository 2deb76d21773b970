//! The checks that end better through the proxy than at the relay, and why.

use super::comparison::{Comparison, Difference};

/// Relay, revision, scenario, check, and why it passes only through the proxy.
pub(crate) const EXPLAINED: [(&str, &str, &str, &str, &str); 4] = [
    (
        "server-everything",
        "2025-11-25",
        "dns-rebinding-protection",
        "localhost-host-rebinding-rejected",
        "the proxy lets in loopback names only (B-1.3)",
    ),
    (
        "server-everything",
        "2025-11-25",
        "server-session-lifecycle",
        "server-session-terminated-returns-404",
        "the proxy itself knows that the session has ended (B-1.6)",
    ),
    (
        "server-everything",
        "2026-07-28",
        "server-stateless",
        "sep-2575-server-sends-subscription-ack",
        "the proxy serves a subscription alone where the relay has none (B-7.2)",
    ),
    (
        "server-everything",
        "2026-07-28",
        "server-stateless",
        "sep-2575-server-tags-subscription-id",
        "the proxy serves a subscription alone where the relay has none (B-7.2)",
    ),
];

/// The reason for a difference, where it is known.
pub(crate) fn reason(comparison: &Comparison, difference: &Difference) -> Option<&'static str> {
    let known = EXPLAINED.iter().find(|(relay, revision, scenario, check, _)| {
        (*relay, *revision) == (comparison.relay, comparison.revision)
            && (*scenario, *check) == (&*difference.scenario, &*difference.check)
    });
    known.map(|(.., reason)| *reason)
}

/// What must not be: a check that ends worse through the proxy, and one that ends otherwise for no known reason.
pub(crate) fn faults(comparison: &Comparison) -> Vec<String> {
    let differences = comparison.differences();
    let faults = differences
        .iter()
        .filter(|difference| difference.is_worse() || reason(comparison, difference).is_none());
    faults
        .map(|fault| format!("{}, {}: {}", comparison.revision, comparison.relay, fault.sentence()))
        .collect()
}
