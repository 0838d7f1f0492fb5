#!/usr/bin/env bash
# Builds what a real node needs: programs of Debian, of the control plane and of the node, the operator, its console and the flash image.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tests/control-plane/packages.sh
tests/control-plane/build.sh etcd kubernetes helm node registry >/dev/null
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
# As they are shipped; with FLASHJOB_QUICK less optimised, which halves the longest part of a run of everything.
quick=()
if [ -n "${FLASHJOB_QUICK:-}" ]; then
  quick=(CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16)
fi
env "${quick[@]}" deploy/static.sh "$arch" flashjob-operator flashjob-console >/dev/null
agent=$(deploy/static.sh "$arch" flash-agent)
size=$(stat -c %s "$agent")
[ "$size" -lt 5000000 ] || { echo "$agent has $size bytes: a flash image is pulled for each device, keep it below 5 MB" >&2; exit 1; }
cargo build --locked --workspace --bins
