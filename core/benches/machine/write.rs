//! A write that the relay does not take: from the request to the receipt, the disk left out (B-5.4).

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use relay_mcp_core::{Action, Input, Proxy, RelayFailure, Sent};

use crate::parts::{NOW, called, is_answered, persisted, post, proxy, tools_call};

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    for bytes in [400, 100_000] {
        let body = tools_call("relay_send_message", bytes);
        let fresh = proxy();
        group.bench_function(format!("call failed, persist, durable, receipt, {bytes} B"), |bencher| {
            bencher.iter_batched_ref(|| fresh.clone(), |proxy| fail(proxy, &body), BatchSize::SmallInput);
        });
        let mut backlog = proxy();
        fail(&mut backlog, &body);
        group.bench_function(format!("behind a backlog, {bytes} B"), |bencher| {
            bencher.iter_batched_ref(
                || backlog.clone(),
                |proxy| {
                    let actions = proxy.step(NOW, post(2, &body));
                    receive(proxy, &actions)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The first write: its call comes to nothing, so it is queued.
fn fail(proxy: &mut Proxy, body: &Bytes) -> Vec<Action> {
    let call = called(&proxy.step(NOW, post(1, body)));
    let failure = RelayFailure { sent: Sent::No, reason: "connection refused".into() };
    let actions = proxy.step(NOW, Input::RelayFailed { call, failure });
    receive(proxy, &actions)
}

/// The disk acknowledges, and the receipt comes.
fn receive(proxy: &mut Proxy, actions: &[Action]) -> Vec<Action> {
    let through = persisted(actions).expect("the step stores the write");
    let actions = proxy.step(NOW, Input::Durable { through });
    assert!(is_answered(&actions));
    actions
}
