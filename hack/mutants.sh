#!/usr/bin/env bash
# Changes the pure rooms one small thing at a time, and says which change no unit test notices: a list in target/mutants.out.
#   usage: mutants.sh [CARGO-MUTANTS-ARGUMENT…]    such as --file src/flashjob/plan/retry.rs, or --shard 1/40; default: all, for days
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mutants=$(hack/cargo-tool.sh cargo-mutants 27.1.0)
rooms=(
  --file 'src/flashjob/spec/**' --file 'src/flashjob/plan/**' --file 'src/flashjob/status/**' --file 'src/flashjob/verdict/**'
  --file 'src/device/**' --file 'src/flashclass/**' --file 'src/flash_pod/guard/**' --file 'crates/helm-chart/src/engine/**'
  --file 'crates/helm-release/src/**'
)
[ $# -eq 0 ] || case " $* " in *" --file "*) rooms=() ;; esac
# The simulation takes minutes, and would notice most changes without saying which rule they break.
exec "$mutants" mutants --output target --cap-lints true --no-shuffle --baseline run --minimum-test-timeout 120 \
  ${rooms[@]+"${rooms[@]}"} "$@" --cargo-test-arg=--lib --cargo-test-arg=--locked -- --skip simulation::
