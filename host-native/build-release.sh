#!/usr/bin/env bash
# Builds what is released: target/released/relay-mcp-proxy, and with `--with-component` relay-mcp-proxy-wasm beside it.
# Each is compiled twice: first such that it counts what runs of it while the benchmark uses it, then laid out and inlined
# by those counts. It does the same as that of `cargo build --release`, with less of the processor's time and of memory.
# Flags for rustc that the environment or a configuration sets are not used.
#
# The counts are put together by llvm-profdata, of the same LLVM as the toolchain in use: rustup's component llvm-tools,
# which is added where rustup can fetch it, or what the distribution has. As the benchmark, it needs Linux.
set -euo pipefail

target=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "${BASH_SOURCE[0]}")/../target}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# The folder of each build is said below; counts go where the program that counts was told.
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET LLVM_PROFILE_FILE

packages=(relay-mcp-host-native)
programs=(relay-mcp-proxy)
case $* in
    "") ;;
    --with-component) packages+=(relay-mcp-host-wasm) programs+=(relay-mcp-proxy-wasm) ;;
    *) echo "usage: build-release.sh [--with-component]" >&2 && exit 2 ;;
esac

toolchain() { rustc -vV | sed -n "s/^$1: //p"; }
machine=$(toolchain host)
llvm=$(toolchain 'LLVM version' | cut -d. -f1)

find_profdata() {
    for profdata in "$(rustc --print sysroot)/lib/rustlib/$machine/bin/llvm-profdata" "llvm-profdata-$llvm" llvm-profdata; do
        "$profdata" --version 2>/dev/null | grep -q "LLVM version $llvm\." && return
    done
    return 1
}
find_profdata || { timeout 60 rustup component add llvm-tools >/dev/null 2>&1 && find_profdata; } || {
    echo "build-release.sh: there is no llvm-profdata of LLVM $llvm. Type one of these:" >&2
    echo "  rustup component add llvm-tools" >&2
    echo "  apt-get install llvm-$llvm" >&2
    exit 1
}

out=$target/released
work=$out/work
# An old program beside a new one would be taken for one of the same build.
rm -f "$out"/relay-mcp-proxy*

# build FOLDER FLAG PACKAGE...: with the machine named as the target, the flag is for the programs and not for what
# compiles them. One package after the other, as they are built otherwise: together they would share their features.
build() {
    local package
    for package in "${@:3}"; do
        CARGO_ENCODED_RUSTFLAGS=$2 cargo build --release --locked --target "$machine" --target-dir "$work/$1" -p "$package"
    done
}

build counting "-Cprofile-generate=$work/counts" "${packages[@]}"
build benchmark "" relay-mcp-bench

counting=$work/counting/$machine/release
use=(--binary "$counting/relay-mcp-proxy" --without-component)
[[ $* ]] && use=(--binary "$counting/relay-mcp-proxy" --component-binary "$counting/relay-mcp-proxy-wasm")
echo "build-release.sh: the benchmark uses what counts, for some two minutes" >&2
rm -rf "$work/counts"
"$work/benchmark/$machine/release/bench" --quick --seconds 1 --without-nginx --without-wrk "${use[@]}" >"$work/benchmark.md"
"$profdata" merge -o "$work/counts.profdata" "$work/counts"

# cargo does not look into the file that the flag names: what was built by other counts is of no use.
rm -rf "$work/counted"
build counted "-Cprofile-use=$work/counts.profdata" "${packages[@]}"

for program in "${programs[@]}"; do
    cp "$work/counted/$machine/release/$program" "$out/"
    echo "$out/$program"
done
