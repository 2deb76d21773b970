//! A write that the relay does not take: from the request to the receipt, the disk left out (B-5.4).

use criterion::{BatchSize, Criterion};

use crate::parts::write::{fail, receive};
use crate::parts::{NOW, post, proxy, tools_call};

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
