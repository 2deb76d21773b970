//! Cutting a stream into events, in pieces as they come from a socket.

use criterion::{Criterion, Throughput};
use relay_mcp_core::mcp::sse::Decoder;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("events");
    let data = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":50,"message":"half of it is done"}}"#;
    for (name, event, count) in [
        ("1,000 events of 150 B", format!("event: message\nid: 1\ndata: {data}\n\n"), 1_000),
        ("1 event of 500 KB", format!("event: message\ndata: {}\n\n", data.repeat(4_000)), 1),
    ] {
        let stream = event.repeat(count);
        group.throughput(Throughput::Bytes(stream.len() as u64));
        for piece in [1_400, 16_384] {
            group.bench_function(format!("{name}, {piece} B at a time"), |bencher| {
                bencher.iter(|| {
                    let mut decoder = Decoder::default();
                    let pieces = stream.as_bytes().chunks(piece);
                    let events: usize = pieces.map(|piece| decoder.feed(piece).len()).sum();
                    assert_eq!(events, count);
                });
            });
        }
    }
    group.finish();
}
