//! How the control listener ends (B-8.4).

use std::time::Duration;

use tokio::net::UnixStream;

use super::played::Played;
use crate::control::Control;
use crate::settings::ControlAddress;

#[tokio::test]
async fn b_8_1_a_shutdown_is_accepted_and_spoken_and_the_socket_goes() {
    let proxy = Played::on_unix().await;
    let heard = proxy.ask("POST /v1/shutdown", "").await;
    assert_eq!(heard.status, 202);
    assert!(*proxy.stopped.borrow());
    let socket = proxy.socket();
    proxy.served.await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn b_8_4_an_idle_connection_does_not_hold_the_shutdown_up() {
    let proxy = Played::on_unix().await;
    let _idle = UnixStream::connect(proxy.socket()).await.unwrap();
    let _ = proxy.ask("GET /healthz", "").await;
    proxy.handle.shut_down();
    tokio::time::timeout(Duration::from_secs(5), proxy.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_listener_there_is_no_address_and_serving_waits_for_the_stop() {
    let control = Control::bind(&ControlAddress::None, None).await.unwrap();
    assert_eq!(control.address(), None);
    let other = Played::on_unix().await;
    let info = crate::control::Info::new("native", &http::Uri::from_static("http://relay.example/"));
    let serving = control.serve(other.handle.clone(), other.metrics.clone(), info, other.stopped.clone());
    let serving = tokio::spawn(serving);
    tokio::task::yield_now().await;
    assert!(!serving.is_finished());
    other.handle.shut_down();
    serving.await.unwrap();
}
