# The steps of CI, one by one, and what else is run now and then. `just ci` is what CI runs.

export RUSTDOCFLAGS := "-D warnings"

# what there is to run
default:
    @just --list

# everything that must hold
ci:
    .ci/run

# all tests; arguments go to cargo test
test *arguments:
    tests/run {{ arguments }}

# the format
fmt:
    cargo fmt --all --check

# puts the format right
fix:
    cargo fmt --all

# the lints
clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# the documentation
doc:
    cargo doc --workspace --no-deps --locked

# the shape of the repository, and a core without a standard library
shape:
    tests/checks/top-level
    tests/checks/core-without-std

# the mistakes that the tests must see can still be made
mutations-apply:
    tests/mutations/run --check

# licences, sources and bans of dependencies (needs cargo-deny)
deny:
    cargo deny --locked check licenses bans sources

# what a step of the machine costs; arguments choose benchmarks, such as `just bench-core menu`
bench-core *arguments:
    cargo bench -p relay-mcp-core --bench machine --locked -- {{ arguments }}

# both programs as they are released, in target/released: laid out by what runs of them (needs llvm-profdata; half an hour)
release:
    host-native/build-release.sh --with-component

# what the sidecar costs, beside nginx where it is installed; see tests/bench/README.md
bench *arguments:
    cargo build --release --locked
    cargo build --release --locked -p relay-mcp-host-wasm
    cargo build --release --locked -p relay-mcp-bench --example hyper
    cargo run --release --locked -p relay-mcp-bench -- {{ arguments }}

# the instructions that the core takes, beside the numbers kept in the tree (needs valgrind); --update keeps new ones
instructions *arguments:
    tests/bench/instructions {{ arguments }}

# the world of the tests from seeds, such as `just simulate --runs 100000`, `--seconds 600` or `--seed 4711`
simulate *arguments:
    cargo run --release --locked -p relay-mcp-tests --bin simulate -- {{ arguments }}

# looks for bytes that break a target, such as `just fuzz sse -max_total_time=300` (needs cargo-fuzz and a C++ compiler)
fuzz target *arguments:
    tests/fuzz/run {{ target }} {{ arguments }}

# breaks the code on purpose, one way after the other: each must be seen (some twenty minutes)
mutations *arguments:
    tests/mutations/run {{ arguments }}

# the story, with a relay that dies and returns
demo *arguments:
    cargo run --locked -- demo {{ arguments }}
