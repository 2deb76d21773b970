//! `tools/list`: the relay's answer read, narrowed and remembered (B-4). The goal: 1,000 tools in under 2 ms.

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use relay_mcp_core::menu::Rules;
use relay_mcp_core::{Config, Context};

use crate::parts::list::{answer, list, list_result, narrow};
use crate::parts::proxy;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("menu");
    for count in [30, 1_000] {
        let result = list_result(count);
        let answer = answer(&result);
        group.throughput(Throughput::Bytes(answer.len() as u64));

        let config = Config::default();
        let context = Context::from([("isolatedWorktree".into(), false)]);
        group.bench_function(format!("narrow alone, {count} tools"), |bencher| {
            let rules = Rules::new(&config, &context);
            let body = Bytes::from(result.clone());
            bencher.iter(|| narrow(&body, &rules));
        });

        let fresh = proxy();
        group.bench_function(format!("tools/list, first, {count} tools"), |bencher| {
            bencher.iter_batched_ref(
                || fresh.clone(),
                |proxy| list(proxy, 1, &answer),
                BatchSize::SmallInput,
            );
        });

        let mut known = proxy();
        let mut exchange = 0;
        group.bench_function(format!("tools/list, again, {count} tools"), |bencher| {
            bencher.iter(|| {
                exchange += 1;
                list(&mut known, exchange, &answer)
            });
        });
    }
    group.finish();
}
