#!/usr/bin/env bash
# Runs the tests on a real node. Everything is built before: there is no network where they run.
#   usage: hack/test-real.sh [PART-OF-A-NAME] [TEST-ARGUMENT…]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
tests/control-plane/packages.sh
tests/control-plane/build.sh etcd kubernetes helm node >/dev/null
agent=$(deploy/static.sh "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')" flash-agent)
size=$(stat -c %s "$agent")
[ "$size" -lt 5000000 ] || { echo "$agent has $size bytes: a flash image is pulled for each device, keep it below 5 MB" >&2; exit 1; }
cargo build --locked --package flashjob-operator --package sim-device --bins
host=$(rustc -vV | sed -n 's/^host: //p')
host=${host^^}
# They share a node, and one looks at what is left of another.
env "CARGO_TARGET_${host//-/_}_RUNNER=$root/tests/control-plane/enclosed.sh" \
  cargo test --locked --test e2e_real -- --test-threads 1 "$@"
