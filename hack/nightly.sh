#!/usr/bin/env bash
# Runs what takes too long for every change: outages and refusals of the API server, kills of operator and helm beside a hostile
# writer, rollouts to many devices, parity with Helm over all suites, simulated worlds, fifty devices on a real node, and a token that expires there. Each runs even when one before it failed; the summary says which did.
#   usage: nightly.sh     (KILLS=60 DEVICES=500 RUNS=1 SEEDS=1000 MUTATIONS=50000)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
failed=()
run() {
  local name=$1
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  SECONDS=0
  "$@" || failed+=("$name")
  printf '== %s took %s s\n' "$name" "$SECONDS"
}

run chaos-api make --no-print-directory chaos-api
run chaos make --no-print-directory chaos ENGINE=both KILLS="${KILLS:-60}" HOSTILE=1
run chaos-pool make --no-print-directory chaos ENGINE=both KILLS="${KILLS:-60}" MODE=Pool
run chaos-host-port make --no-print-directory chaos ENGINE=both KILLS="${KILLS:-60}" MODE=HostPort
run rollout-proof make --no-print-directory rollout-proof DEVICES="${DEVICES:-500}" RUNS="${RUNS:-1}"
run parity env FLASHJOB_SUITES=all FLASHJOB_MUTATIONS="${MUTATIONS:-50000}:${FIRST_SEED:-$(date +%s)}" \
  cargo test --locked -p helm-chart --test parity -- --nocapture
run sim make --no-print-directory sim SEEDS="${SEEDS:-1000}" HOSTILE=1 FIRST_SEED="${FIRST_SEED:-$(date +%s)}"
run sim-pool make --no-print-directory sim SEEDS="${SEEDS:-1000}" HOSTILE=1 MODE=Pool FIRST_SEED="${FIRST_SEED:-$(date +%s)}"

if tests/control-plane/enclosed.sh true; then
  run bench-real make --no-print-directory bench-real
  run token hack/test-real.sh outlives --ignored
else
  printf '\n== bench-real: NOT RUN, for this machine cannot run a real node\n'
fi

if [ "${#failed[@]}" -gt 0 ]; then
  printf '\nfailed: %s\n' "${failed[*]}"
  exit 1
fi
printf '\nall passed\n'
