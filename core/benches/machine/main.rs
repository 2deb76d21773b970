//! What a step costs: `cargo bench -p relay-mcp-core --bench machine`, or one group with `-- pass`.
#![expect(clippy::expect_used, reason = "a benchmark whose preparation fails measures nothing")]

mod envelope;
mod events;
mod menu;
mod parts;
mod pass;
mod write;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    pass::measure(&mut criterion);
    envelope::measure(&mut criterion);
    menu::measure(&mut criterion);
    events::measure(&mut criterion);
    write::measure(&mut criterion);
    criterion.final_summary();
}
