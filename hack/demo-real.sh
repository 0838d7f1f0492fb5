#!/usr/bin/env bash
# Shows the operator at work on a real node: `make demo NODE=real`. As root on Debian; everything is built before, for there is no
# network where it runs.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
hack/build-real.sh
cargo build --locked --workspace --example real_demo
exec tests/control-plane/enclosed.sh "${CARGO_TARGET_DIR:-$root/target}/debug/examples/real_demo"
