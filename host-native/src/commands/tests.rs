//! The commands against a control listener on a real socket.

use std::path::Path;

use super::{CommandError, Target, context, outbox, refresh, status};
use crate::control::tests::played::{CONTROL_SECRET, Played};
use crate::control::{Client, ControlSecret, FILE_NAME, SOCKET_NAME};
use crate::settings::ControlAddress;

fn target(proxy: &Played) -> Target {
    of_directory(proxy.dir.path())
}

fn of_directory(data_dir: &Path) -> Target {
    let address = ControlAddress::Unix(data_dir.join(SOCKET_NAME));
    Target { address, data_dir: data_dir.to_owned() }
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn the_status_says_in_words_how_things_are() {
    let proxy = Played::on_unix().await;
    let mut out = Vec::new();
    status(&target(&proxy), false, &mut out).await.unwrap();
    let said = "\
relay    down for 3m 12s, speaks the modern era
         https://relay.example/api/mcp
outbox   1 write waiting, 1.3 kB, the oldest for 3m 12s
         paused: the relay refused the token, and delivery waits for another one
         1 write refused by the relay for good: see `outbox list`
agent    1 event stream open, 2 sessions
context  isolatedWorktree=false
tools    2 of 3 shown to the agent
         1 hidden, because a menu rule needs isolatedWorktree, which is false: relay_workspace_status
proxy    1.2.3, native engine
";
    assert_eq!(text(out), said);
}

#[tokio::test]
async fn json_is_exactly_what_the_api_said() {
    let proxy = Played::on_unix().await;
    let client = target(&proxy).client().unwrap();
    let mut out = Vec::new();
    status(&target(&proxy), true, &mut out).await.unwrap();
    assert_eq!(text(out).trim_end(), proxy.ask("GET /v1/status", "").await.body);
    let mut out = Vec::new();
    outbox::list(&client, true, &mut out).await.unwrap();
    assert_eq!(text(out).trim_end(), proxy.ask("GET /v1/outbox", "").await.body);
    let mut out = Vec::new();
    outbox::show(&client, "dead/1", true, &mut out).await.unwrap();
    assert_eq!(text(out).trim_end(), proxy.ask("GET /v1/outbox/dead%2F1", "").await.body);
}

#[tokio::test]
async fn the_outbox_is_a_table_in_which_a_stranger_cannot_draw() {
    let proxy = Played::on_unix().await;
    let mut out = Vec::new();
    outbox::list(&target(&proxy).client().unwrap(), false, &mut out).await.unwrap();
    let out = text(out);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].starts_with("KEY       TOOL                STATE   TRIES  AGE"), "{out}");
    assert!(lines[1].starts_with("queued-1  relay_send_message  queued  3      "), "{out}");
    assert!(lines[2].ends_with(r"no such channel\n\u001b[2J"), "{out}");
}

#[tokio::test]
async fn a_write_is_shown_with_what_it_says() {
    let proxy = Played::on_unix().await;
    let mut out = Vec::new();
    outbox::show(&target(&proxy).client().unwrap(), "dead/1", false, &mut out).await.unwrap();
    let out = text(out);
    assert!(out.contains("dead: the relay refused it for good"), "{out}");
    assert!(out.contains("\nparams:\n  {\n    \"arguments\": {\n"), "{out}");
    assert!(out.contains("\nthe relay's answer:\n  no such channel\n"), "{out}");
}

#[tokio::test]
async fn refresh_context_retry_and_discard_say_what_they_did() {
    let proxy = Played::on_unix().await;
    let (target, client) = (target(&proxy), target(&proxy).client().unwrap());
    let mut out = Vec::new();
    refresh(&target, false, &mut out).await.unwrap();
    context(&target, &[("isolatedWorktree".into(), true)], false, &mut out).await.unwrap();
    outbox::retry(&client, "dead/1", false, &mut out).await.unwrap();
    outbox::discard(&client, "dead/1", false, &mut out).await.unwrap();
    let said = "\
the menu is fresh: tools 2 of 3 shown to the agent
isolatedWorktree=true
dead/1 is queued again
dead/1 is discarded
";
    assert_eq!(text(out), said);
}

#[tokio::test]
async fn a_refusal_is_an_error_with_the_proxys_sentence() {
    let proxy = Played::on_unix().await;
    let mut out = Vec::new();
    let error = outbox::retry(&target(&proxy).client().unwrap(), "nope", true, &mut out).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no write with the key `nope` in the outbox");
    assert_eq!((error.exit_code(), out.len()), (1, 0));
}

#[tokio::test]
async fn b_11_a_proxy_that_does_not_answer_is_exit_code_1_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let target = of_directory(dir.path());
    let error = status(&target, false, &mut Vec::new()).await.unwrap_err();
    let place = format!("no proxy answers at unix:{}/control.sock: is it running?", dir.path().display());
    assert!(error.to_string().starts_with(&place), "{error}");
    assert_eq!(error.exit_code(), 1);
}

#[tokio::test]
async fn b_10_the_secret_of_a_tcp_address_is_read_from_the_data_directory() {
    let proxy = Played::on_tcp().await;
    let address = ControlAddress::Tcp(proxy.tcp());
    let target = Target { address, data_dir: proxy.dir.path().to_owned() };
    let error = target.client().unwrap_err();
    assert!(matches!(error, CommandError::Secret(_)), "{error}");
    assert_eq!(error.exit_code(), 2);
    std::fs::write(proxy.dir.path().join(FILE_NAME), format!("{CONTROL_SECRET}\n")).unwrap();
    status(&target, true, &mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_never_shown() {
    let proxy = Played::on_tcp().await;
    let secret = ControlSecret::new("a-wrong-secret-altogether");
    let client = Client::new(ControlAddress::Tcp(proxy.tcp()), Some(&secret)).unwrap();
    let error = outbox::list(&client, true, &mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("needs `Authorization: Bearer`"), "{error}");
    assert!(!format!("{client:?} {secret:?}").contains("wrong-secret"));
}
