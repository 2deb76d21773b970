//! A TCP control listener opens only to its own secret, and only from this machine (B-8.1).

use super::played::{AGENT_SECRET, CONTROL_SECRET, Played};
use crate::control::{Control, ControlError};
use crate::settings::ControlAddress;
use relay_mcp_core::door::Secret;

#[tokio::test]
async fn b_8_1_the_control_secret_opens_it() {
    let proxy = Played::on_tcp().await;
    let bearer = format!("authorization: bearer {CONTROL_SECRET}");
    for host in ["host: 127.0.0.1:1", "host: localhost", "host: [::1]:9"] {
        assert_eq!(proxy.ask_tcp("GET /v1/status", &[host, &bearer]).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn b_8_1_nothing_else_opens_it_not_even_the_agents_secret() {
    let proxy = Played::on_tcp().await;
    let agent = format!("authorization: Bearer {AGENT_SECRET}");
    let basic = format!("authorization: Basic {CONTROL_SECRET}");
    let query = format!("x-secret: {CONTROL_SECRET}");
    for header in [agent.as_str(), basic.as_str(), "authorization: Bearer", query.as_str()] {
        for line in ["GET /healthz", "GET /metrics", "GET /nowhere", "POST /v1/shutdown", "PUT /v1/token"] {
            let heard = proxy.ask_tcp(line, &["host: localhost", header]).await;
            assert_eq!(heard.status, 401, "{line} {header}");
            assert!(heard.head.contains("www-authenticate: bearer"), "{}", heard.head);
        }
    }
    assert_eq!(proxy.machine.asked(), []);
    assert!(!*proxy.stopped.borrow());
}

#[tokio::test]
async fn b_8_1_a_browser_on_another_page_is_refused_even_with_the_secret() {
    let proxy = Played::on_tcp().await;
    let bearer = format!("authorization: Bearer {CONTROL_SECRET}");
    for (host, origin) in [
        ("host: evil.example", "x: y"),
        ("host: 0.0.0.0:1", "x: y"),
        ("x: no-host", "x: y"),
        ("host: localhost\r\nhost: localhost", "x: y"),
        ("host: localhost", "origin: http://evil.example"),
        ("host: localhost", "origin: null"),
        ("host: localhost", "origin: http://localhost\r\norigin: http://evil.example"),
    ] {
        let heard = proxy.ask_tcp("GET /v1/status", &[host, origin, &bearer]).await;
        assert_eq!(heard.status, 403, "{host} {origin}");
    }
    let local = ["host: localhost", "origin: http://127.0.0.1:3000", &bearer];
    assert_eq!(proxy.ask_tcp("GET /v1/status", &local).await.status, 200);
}

#[tokio::test]
async fn b_8_1_it_is_not_opened_to_other_machines_nor_without_a_secret() {
    let address = ControlAddress::Tcp("0.0.0.0:0".parse().unwrap());
    let error = Control::bind(&address, Some(Secret::new(CONTROL_SECRET))).await.err().unwrap();
    assert!(matches!(error, ControlError::NotLoopback { .. }), "{error}");
    let address = ControlAddress::Tcp("127.0.0.1:0".parse().unwrap());
    let error = Control::bind(&address, None).await.err().unwrap();
    assert!(matches!(error, ControlError::NoSecret { .. }), "{error}");
}

#[tokio::test]
async fn a_port_in_use_is_named_in_the_error() {
    let proxy = Played::on_tcp().await;
    let address = ControlAddress::Tcp(proxy.tcp());
    let error = Control::bind(&address, Some(Secret::new(CONTROL_SECRET))).await.err().unwrap().to_string();
    assert!(error.contains(&proxy.address) && error.contains("in use"), "{error}");
}
