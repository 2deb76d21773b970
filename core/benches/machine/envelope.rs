//! Looking into a message: how much of it is a call that passes through.

use criterion::{Criterion, Throughput};
use relay_mcp_core::jsonrpc::Parsed;
use relay_mcp_core::mcp::Era;

use crate::parts::tools_call;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("envelope");
    for bytes in [400, 100_000] {
        let body = tools_call("relay_list_agents", bytes);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("parse, {bytes} B"), |bencher| {
            bencher.iter(|| Parsed::parse(&body).expect("a message"));
        });
        group.bench_function(format!("parse, era, {bytes} B"), |bencher| {
            bencher.iter(|| Era::of_params(Parsed::parse(&body).expect("a message").params()));
        });
    }
    group.finish();
}
