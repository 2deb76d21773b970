//! A call that passes through: the request becomes a call, and the head of its answer a splice (B-2).

use criterion::{BatchSize, Criterion};

use crate::parts::pass::pass;
use crate::parts::{post, proxy, tools_call};

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pass");
    for bytes in [400, 100_000] {
        let body = tools_call("relay_list_agents", bytes);
        let mut proxy = proxy();
        let mut exchange = 0;
        let mut next = || {
            exchange += 1;
            post(exchange, &body)
        };
        group.bench_function(format!("request, head, end, {bytes} B"), |bencher| {
            bencher.iter_batched(&mut next, |request| pass(&mut proxy, request), BatchSize::SmallInput);
        });
    }
    group.finish();
}
