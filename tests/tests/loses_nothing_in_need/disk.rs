//! No room, and no right to write.

use std::sync::Arc;

use relay_mcp_tests::proxy::{Home, Proxy, Volume, cli};
use relay_mcp_tests::relay::Relay;

use super::{all_is_well, write};

/// Writes until so many are refused; those that were accepted.
async fn until_full(proxy: &Proxy, refusals: usize) -> Vec<String> {
    let (agent, mut accepted, mut refused) = (proxy.agent(), Vec::new(), 0);
    while refused < refusals {
        let text = format!("{}-{}", accepted.len(), "x".repeat(20_000));
        match write(&agent, &text).await {
            Ok(()) => accepted.push(text),
            Err(why) => {
                assert!(why.contains("the disk is full") && why.contains("store.sqlite3"), "{why}");
                refused += 1;
            }
        }
        assert!(accepted.len() < 1_000, "the volume is small");
    }
    assert!(accepted.len() > 10, "{} were accepted", accepted.len());
    accepted
}

#[tokio::test]
async fn a_full_volume_refuses_the_new_and_delivers_the_old() {
    let relay = Relay::that().start_down().await;
    let home = Arc::new(Home::new());
    let _volume = Volume::on(&home.data(), 3 << 10);
    let proxy = Proxy::to(&relay).at(&home).start().await;
    let accepted = until_full(&proxy, 3).await;
    assert_eq!(proxy.status().await["outbox"]["depth"], accepted.len());
    all_is_well(&relay, &proxy, &accepted).await;
}

#[tokio::test]
async fn killed_on_a_full_volume_it_starts_and_delivers() {
    starts_and_delivers(async |proxy| {
        let accepted = until_full(proxy, 1).await;
        proxy.kill().await;
        accepted
    })
    .await;
}

/// Nothing is there then of the index that SQLite makes before it reads a store.
#[tokio::test]
async fn ended_in_order_and_then_without_room_it_starts_and_delivers() {
    starts_and_delivers(async |proxy| {
        let accepted: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        for text in &accepted {
            write(&proxy.agent(), text).await.unwrap();
        }
        assert_eq!(proxy.terminate().await.code(), Some(0));
        accepted
    })
    .await;
}

/// Has writes accepted and the proxy ended, and starts it when somebody else has taken all the room.
async fn starts_and_delivers(accept_and_end: impl AsyncFnOnce(&mut Proxy) -> Vec<String>) {
    let relay = Relay::that().start_down().await;
    let home = Arc::new(Home::new());
    let volume = Volume::on(&home.data(), 3 << 10);
    let mut proxy = Proxy::to(&relay).at(&home).start().await;
    let accepted = accept_and_end(&mut proxy).await;
    let ballast = volume.fill();
    proxy.restart().await;
    assert_eq!(proxy.status().await["outbox"]["depth"], accepted.len());
    assert!(write(&proxy.agent(), "too much").await.is_err());
    relay.start_again().await;
    proxy.depth_is(0).await;
    assert_eq!(relay.applied_texts(), accepted);
    relay.stop().await;
    std::fs::remove_file(ballast).unwrap();
    all_is_well(&relay, &proxy, &accepted).await;
}

#[tokio::test]
async fn a_directory_that_is_closed_to_writing_is_named_and_left_as_it_is() {
    let relay = Relay::that().start_down().await;
    let home = Arc::new(Home::new());
    let volume = Volume::on(&home.data(), 3 << 10);
    let mut proxy = Proxy::to(&relay).at(&home).start().await;
    let agent = proxy.agent();
    for text in ["one", "two"] {
        write(&agent, text).await.unwrap();
    }
    proxy.kill().await;
    let before = home.files();
    volume.close_to_writing();
    let data = home.data().display().to_string();
    for ended in
        [Proxy::to(&relay).at(&home).fail().await, cli::run(["outbox", "list", "--data-dir", &data]).await]
    {
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(&data) && ended.stderr.contains("ead-only"), "{ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    }
    assert!(home.files() == before, "nothing was changed");
    volume.open_to_writing();
    proxy.restart().await;
    all_is_well(&relay, &proxy, &["one".into(), "two".into()]).await;
}
