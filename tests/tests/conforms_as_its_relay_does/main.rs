//! The official conformance runner finds through the proxy what it finds at the relay: not one check that
//! passes directly fails through the proxy, in either revision. `tests/conformance/README.md` is the table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod comparison;
mod everything;
mod explained;
mod fixture;
mod readme;
mod runner;

use comparison::Comparison;
use relay_mcp_tests::proxy::Proxy;

/// The revisions that the runner has a set of requirements for: one of each era.
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_check_that_passes_directly_fails_through_the_proxy() {
    let mut comparisons = Vec::new();
    for revision in REVISIONS {
        comparisons.push(with_fixture(revision).await);
        comparisons.push(with_everything(revision).await);
    }
    let mut faults = Vec::new();
    for comparison in &comparisons {
        faults.extend(explained::faults(comparison));
    }
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
    readme::check(&comparisons);
}

/// Each run has a relay of its own, since scenarios leave traces in it.
async fn with_fixture(revision: &'static str) -> Comparison {
    let (one, other) = (fixture::start().await, fixture::start().await);
    let (direct, proxied) = tokio::join!(directly(&one.url, revision), through_us(&other.url, revision));
    Comparison { relay: "the fixture on rmcp", revision, direct, proxied }
}

async fn with_everything(revision: &'static str) -> Comparison {
    let (one, other) = (everything::start().await, everything::start().await);
    let (direct, proxied) = tokio::join!(directly(&one.url, revision), through_us(&other.url, revision));
    Comparison { relay: "server-everything", revision, direct, proxied }
}

async fn directly(relay: &str, revision: &str) -> runner::Findings {
    runner::ask(relay, "nobody looks at it", revision).await
}

async fn through_us(relay: &str, revision: &str) -> runner::Findings {
    let proxy = Proxy::to_url(relay).token("a-token").start().await;
    runner::ask(&proxy.ready().url, proxy.secret(), revision).await
}
