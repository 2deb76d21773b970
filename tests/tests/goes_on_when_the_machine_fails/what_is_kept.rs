//! What was accepted, seen or set before the machine failed is there after it.

use std::sync::atomic::Ordering;

use relay_mcp_core::{Command, Machine, Reply};
use relay_mcp_host_native::engine::Engine;
use relay_mcp_tests::relay::tools::{HIDDEN, VISIBLE};
use relay_mcp_tests::relay::{Canned, Fault, Gate, On, Relay, Step};
use relay_mcp_tests::wait::{QUIET, until_async, until_true, within};
use serde_json::json;
use tokio::net::TcpStream;

use crate::engines::{component, native};
use crate::sidecar::{Running, failure, start};

async fn queue(sidecar: &Running, texts: &[&str]) {
    for text in texts {
        let arguments = json!({"text": text, "idempotencyKey": format!("key-{text}")}).to_string();
        let receipt = sidecar.agent.tools_call("relay_reply", &arguments).await.result();
        assert_eq!(receipt["structuredContent"]["queued"], true, "{receipt}");
    }
}

async fn nothing_is_lost<M: Machine + Send + 'static>(engine: Engine<M>) {
    let relay = Relay::that().keeps_sessions().start().await;
    let sidecar = start(&relay.origin(), engine).await;
    let agent = &sidecar.agent;
    agent.greet().await;
    assert_eq!(agent.menu().await, VISIBLE);
    relay.stop().await;
    queue(&sidecar, &["a", "b"]).await;
    sidecar.fail().await;
    queue(&sidecar, &["c"]).await;
    sidecar.fail().await;
    sidecar.depth_is(3).await;
    assert_eq!(agent.menu().await, VISIBLE, "the menu is remembered");
    queue(&sidecar, &["a"]).await;
    sidecar.depth_is(3).await;

    // Fails once more with a write at the relay, which is sent again and applied once.
    relay.next(On::Tool("relay_reply"), Fault::ApplyThenHang);
    relay.start_again().await;
    until_true("the first write is at the relay", || relay.applied().len() == 1).await;
    sidecar.fail().await;
    relay.applied_are(3).await;
    sidecar.depth_is(0).await;
    assert_eq!(relay.applied_texts(), ["a", "b", "c"]);
    assert_eq!(relay.arrivals().len(), 4);
    assert_eq!(relay.requests_of("initialize").len(), 1, "the session is known");
    sidecar.end().await;
}

#[tokio::test]
async fn b_9_4_what_was_accepted_is_delivered_in_order_once() {
    nothing_is_lost(native().0).await;
}

#[tokio::test]
async fn b_9_4_what_was_accepted_is_delivered_in_order_once_by_the_component() {
    nothing_is_lost(component()).await;
}

/// The context is in no record: the sidecar says it again. What the agent last saw is in one (B-7.3).
#[tokio::test]
async fn the_context_stays_and_its_change_is_told() {
    let relay = Relay::start().await;
    let (engine, _) = native();
    let sidecar = start(&relay.origin(), engine).await;
    let agent = &sidecar.agent;
    agent.greet().await;
    assert_eq!(agent.menu().await, VISIBLE);
    sidecar.control.isolated_worktree(true).await;
    sidecar.fail().await;
    assert_eq!(sidecar.control.status().await["context"]["isolatedWorktree"], true);
    let mut stream = agent.listen().await;
    assert_eq!(stream.event().await.json()["method"], "notifications/tools/list_changed");
    assert_eq!(agent.menu().await.len(), VISIBLE.len() + HIDDEN.len());
    sidecar.control.isolated_worktree(false).await;
    sidecar.fail().await;
    assert_eq!(agent.menu().await, VISIBLE);
    sidecar.end().await;
}

/// A question of the runner that the machine may not have heard is put to the next one, once.
#[tokio::test]
async fn the_runner_is_answered() {
    let relay = Relay::start().await;
    let (engine, _) = native();
    let sidecar = start(&relay.origin(), engine).await;
    relay.always(On::Rpc("tools/list"), Fault::Hang);
    let ask = || {
        let handle = sidecar.handle.clone();
        tokio::spawn(async move { handle.ask(Command::Refresh).await.unwrap() })
    };
    let refresh = ask();
    until_true("the menu is fetched", || relay.requests_of("tools/list").len() == 1).await;
    sidecar.fail().await;
    until_true("it is fetched again", || relay.requests_of("tools/list").len() == 2).await;
    relay.heal();
    sidecar.fail().await;
    match within("a reply", refresh).await.unwrap() {
        Reply::Refused(sentence) => assert!(sentence.contains("the proxy's machine failed"), "{sentence}"),
        reply => panic!("{reply:?}"),
    }
    assert_eq!(within("a reply", ask()).await.unwrap(), Reply::Done);
    sidecar.end().await;
}

/// What the relay is giving goes on without the machine. A shutdown that has begun goes on too (B-8.4): the
/// next machine begins nothing.
#[tokio::test]
async fn an_answer_that_is_passed_on_goes_on_and_a_shutdown_too() {
    let relay = Relay::start().await;
    let (engine, faults) = native();
    let sidecar = start(&relay.origin(), engine).await;
    let agent = &sidecar.agent;
    let (half, whole) = (Gate::new(), Gate::new());
    let steps = [Step::Say("first".into()), Step::Wait(whole.clone()), Step::Say(" last".into())];
    relay.next(On::Rpc("x/long"), Fault::Steps(Canned::text(200, ""), steps.into()));
    relay.next(On::Rpc("tools/list"), Fault::Wait(half.clone()));
    let mut long = agent.request("x/long", &json!({})).open().await;
    assert_eq!(long.chunk().await.unwrap(), "first");
    // The machine is told of this answer as soon as it begins.
    let short = tokio::spawn(agent.request("tools/list", &json!({})).send());
    until_true("it is at the relay", || relay.requests_of("tools/list").len() == 1).await;
    // A write that waits for an hour, of which the next machine knows nothing.
    let later = Canned::text(503, "later").header("retry-after", "3600");
    relay.always(On::Tool("relay_reply"), Fault::Answer(later));
    queue(&sidecar, &["a"]).await;
    let attempts = || relay.requests_of("tools/call").len();
    until_true("it was tried", || attempts() == 1).await;

    sidecar.handle.shut_down();
    let refuses = async || TcpStream::connect(agent.address()).await.is_err().then_some(());
    until_async("nobody is let in", refuses).await;
    faults.fail_next();
    half.open();
    assert_eq!(failure(&within("an answer", short).await.unwrap()).1, "unknown");
    tokio::time::sleep(QUIET).await;
    assert_eq!(attempts(), 1, "no delivery is begun");
    whole.open();
    assert_eq!(long.chunk().await.unwrap(), " last");
    within("the end", sidecar.ended).await.unwrap().unwrap();
    assert_eq!(faults.failed.load(Ordering::SeqCst), 1);
    assert_eq!(faults.opened.load(Ordering::SeqCst), 2);
}
