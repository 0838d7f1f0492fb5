#!/usr/bin/env bash
# Runs the tests on a real node. Everything is built before: there is no network where they run.
#   usage: hack/test-real.sh [PART-OF-A-NAME] [TEST-ARGUMENT…]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
hack/build-real.sh
host=$(rustc -vV | sed -n 's/^host: //p')
host=${host^^}
# They share a node, and one looks at what is left of another.
env "CARGO_TARGET_${host//-/_}_RUNNER=$root/tests/control-plane/enclosed.sh" \
  cargo test --locked --workspace --test e2e_real --test e2e_shipped -- --test-threads 1 "$@"
