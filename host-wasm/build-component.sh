#!/usr/bin/env bash
# Compiles the core for wasm32-unknown-unknown: build-component.sh FILE puts the core module there, from which
# `artifact` makes the component. Two builds on one machine give the same bytes, wherever the checkout and the target
# directory are. build-component.sh FILE GUEST [ARGUMENT...] compiles the crate in the folder GUEST instead, with these
# arguments for cargo, such as `--features rules`.
#
# It takes the first of these that the machine has: the rustup target of the toolchain in use, which it adds where
# rustup can fetch it; the toolchain that Debian packages for the web (rustc-web, cargo-web, rust-web-src, lld).
set -euo pipefail

out=${1:?usage: build-component.sh FILE [GUEST [ARGUMENT...]]}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
guest=${2:-$here/guest}
arguments=("${@:3}")
target=wasm32-unknown-unknown
export CARGO_TARGET_DIR=${RELAY_MCP_GUEST_TARGET:-$here/../target/guest}

# What the cargo or rustup that called us set is for another target.
while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(CARGO_(ENCODED_|BUILD_|PKG_|PROFILE_|CFG_|MANIFEST_|CRATE_|PRIMARY_)|RUSTC|RUSTFLAGS|RUSTDOC|RUSTUP_TOOLCHAIN$|TARGET$|HOST$|PROFILE$|OPT_LEVEL$|DEBUG$)' || true)

# No path of this machine, no text of a panic and no Debug form goes into the component: nobody could read them there.
# Nor does the room that a linker leaves in each address for a larger one. And rustc inlines
# what is small before LLVM sees it, as it does by itself only where size does not count: with these limits the component
# is smallest for the instructions that it takes.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER=$here/rustc-anywhere
export RUSTFLAGS="--remap-path-prefix=$cargo_home=cargo --remap-path-prefix=$(cd "$here/.." && pwd)=. -Zlocation-detail=none -Zfmt-debug=none -Zinline-mir=yes -Zinline-mir-threshold=30 -Zinline-mir-hint-threshold=200 -Clink-arg=--compress-relocations"

build() { cargo build --manifest-path "$guest/Cargo.toml" --release --locked --target $target "${arguments[@]}" "$@"; }

has_rustup_target() {
    local libs
    libs=$(cd / && rustc --print target-libdir --target $target 2>/dev/null) && [[ -d $libs ]]
}

if has_rustup_target || { command -v rustup >/dev/null && timeout 60 rustup target add $target >/dev/null 2>&1 && has_rustup_target; }; then
    build
elif [[ -x /usr/bin/rustc && -x /usr/bin/cargo && -x /usr/bin/wasm-ld && -d /usr/lib/rustlib/src ]]; then
    export PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=/usr/bin/wasm-ld
    build -Zbuild-std=core,alloc -Zbuild-std-features=optimize_for_size
else
    echo "build-component.sh: there is no way to compile for $target. Type one of these:" >&2
    echo "  rustup target add $target" >&2
    echo "  apt-get install rustc-web cargo-web rust-web-src lld    (Debian 12)" >&2
    exit 1
fi
mkdir -p "$(dirname "$out")"
name=$(sed -n 's/^name = "\(.*\)"/\1/p' "$guest/Cargo.toml" | head -n 1)
cp "$CARGO_TARGET_DIR/$target/release/${name//-/_}.wasm" "$out"
