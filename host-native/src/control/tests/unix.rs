//! The control socket is created safely, and takes the place of nothing that is alive (B-8.1).

use std::fs;

use super::played::{Played, mode};
use crate::control::{Control, ControlError};
use crate::settings::ControlAddress;

async fn refusal(path: std::path::PathBuf) -> ControlError {
    Control::bind(&ControlAddress::Unix(path), None).await.err().unwrap()
}

#[tokio::test]
async fn b_8_1_the_socket_has_mode_0600_and_says_where_it_is() {
    let proxy = Played::on_unix().await;
    assert_eq!(mode(&proxy.socket()), 0o600);
    assert_eq!(proxy.address, format!("unix:{}", proxy.socket().display()));
}

#[tokio::test]
async fn the_socket_of_a_dead_proxy_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let control = Control::bind(&ControlAddress::Unix(path.clone()), None).await.unwrap();
    assert_eq!(mode(&path), 0o600);
    drop(control);
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_a_living_proxy_is_left_alone() {
    let proxy = Played::on_unix().await;
    let error = refusal(proxy.socket()).await;
    assert!(matches!(error, ControlError::SocketInUse { .. }), "{error}");
    assert_eq!(proxy.ask("GET /healthz", "").await.status, 200);
}

#[tokio::test]
async fn what_is_no_socket_is_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    fs::write(&file, "keep me").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for path in [file.clone(), link, dir.path().to_owned()] {
        let error = refusal(path).await;
        assert!(matches!(error, ControlError::NotASocket { .. }), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "keep me");
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let name = "s".repeat(107 - dir.path().as_os_str().len() - 1);
    let longest = dir.path().join(&name);
    assert!(Control::bind(&ControlAddress::Unix(longest), None).await.is_ok());
    let error = refusal(dir.path().join(name + "s")).await.to_string();
    assert!(error.contains("a path of 108 bytes") && error.contains("--control unix:PATH"), "{error}");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nowhere/control.sock");
    let error = refusal(path.clone()).await.to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_socket_that_took_our_place_is_not_removed_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let control = Control::bind(&ControlAddress::Unix(path.clone()), None).await.unwrap();
    fs::rename(&path, dir.path().join("aside")).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(control);
    assert!(path.exists());
}
