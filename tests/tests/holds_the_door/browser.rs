//! A page in the user's browser, DNS rebinding included (SECURITY.md): a real Chromium, in which pages of another
//! origin try all that a page can, with the secret in their hands. Each attempt arrives, and each is refused.

mod chromium;
mod pages;

use std::collections::BTreeMap;
use std::time::Instant;

use relay_mcp_tests::proxy::Proxy;
use relay_mcp_tests::relay::{Relay, port};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use chromium::Chromium;
use pages::Pages;

/// A name of the attacker's, which leads to this machine: the second look-up of a rebinding.
const EVIL: &str = "evil.example";

/// What a page tells.
#[derive(Debug, Deserialize)]
struct Report {
    origin: String,
    results: Vec<Attacked>,
}

/// What one server gave to a page, by attempt.
#[derive(Debug, Deserialize)]
struct Attacked {
    url: String,
    attempts: BTreeMap<String, String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_gets_through_the_door() {
    let start = Instant::now();
    let relay = Relay::start().await;
    // The page that will be of the proxy's own origin is served by the attacker at the proxy's very port.
    let (outer, inner) = (Pages::serve(listen().await), Pages::serve(listen().await));
    let port = inner.port();
    outer.load_inside(&format!("http://{EVIL}:{port}/"));
    inner.report_to(&format!("http://{EVIL}:{}", outer.port()));
    let browser = Chromium::open(&format!("http://{EVIL}:{}/", outer.port()), EVIL);
    let waiting = outer.waiting(2, &browser).await;
    println!("{waiting:?} are there after {:?}", start.elapsed());

    // Now the name leads to the proxy: same name, same port, another server.
    inner.close().await;
    let proxy = Proxy::to(&relay).port(port).control("127.0.0.1:0").start().await;
    let secret = proxy.secret();
    let mcp = |host: &str| json!({"url": format!("http://{host}:{port}/mcp"), "secret": secret});
    let control = |path: &str| json!({"url": format!("http://{}{path}", proxy.control().address), "secret": proxy.control().secret()});
    let targets =
        [mcp("127.0.0.1"), mcp("localhost"), mcp(EVIL), control("/v1/context"), control("/v1/status")];
    outer.go(&json!({"targets": targets}));
    let reports: Vec<Report> = outer.reports(2, &browser).await;
    println!("they were refused after {:?}", start.elapsed());

    let own = format!("http://{EVIL}:{port}");
    assert!(reports.iter().any(|report| report.origin == own), "one was of the proxy's own origin");
    assert!(reports.iter().any(|report| report.origin != own), "one was not");
    for Report { origin, results } in &reports {
        assert_eq!(results.len(), targets.len(), "{origin}");
        for Attacked { url, attempts } in results {
            assert!(attempts.len() > 20, "{origin}: {attempts:?}");
            for (attempt, got) in attempts {
                // A page of the same origin may read a refusal; no other reads anything.
                let may_read = url.starts_with(origin.as_str());
                let refused =
                    matches!(got.as_str(), "blocked" | "opaque") || (may_read && got == "status 403");
                assert!(refused, "{attempt} of {origin} at {url}: {got}");
            }
        }
    }
    assert_eq!(relay.requests().len(), 0, "{:?}", relay.requests());
    assert_eq!(proxy.status().await["context"]["isolatedWorktree"], false);
    // They did arrive: it was not the browser alone that kept them out.
    let arrived = refusals(&proxy.control().metrics().await);
    println!("the door refused {arrived} requests of pages");
    assert!(arrived >= 60, "{arrived} arrived");
}

/// On a port that stays free when it is given up, and to which browsers go.
async fn listen() -> TcpListener {
    const BLOCKED: u16 = 10_080;
    loop {
        let listener = port::listen_anywhere().await;
        if listener.local_addr().unwrap().port() != BLOCKED {
            return listener;
        }
    }
}

/// How many requests were refused with 403.
fn refusals(metrics: &str) -> usize {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("relay_mcp_proxy_door_refusals_total{status=\"403\"} "));
    line.expect("the refusals").parse().unwrap()
}
