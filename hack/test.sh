#!/usr/bin/env bash
# Runs every test. The end-to-end ones mostly wait, so all others run beside them, and give way to them; last is asked whether
# the operator's rights are exactly those that were used.
#   usage: test.sh     (TEST_THREADS=7 end-to-end tests at a time)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
bin=$(tests/control-plane/build.sh) || exit
export PATH=$bin:$PATH
audit=${CARGO_TARGET_DIR:-$PWD/target}/audit
# The tests want more processor than there is and less memory: API servers, helm and kubectl tidy up a fourth as often, and
# none of dozens of them looks for work on a second processor.
export GOGC=${GOGC:-400} GOMEMLIMIT=${GOMEMLIMIT:-1GiB} GOMAXPROCS=${GOMAXPROCS:-1}

others() {
  local failed=0
  renice -n 10 "$BASHPID" >/dev/null
  cargo test --locked --workspace --no-fail-fast --lib --bins --examples --benches --test '[!e]*' || failed=1
  cargo test --locked --workspace --doc || failed=1
  tests/control-plane/with.sh cargo test --locked --workspace --test helm_compat -- --ignored || failed=1
  return "$failed"
}

# The last lines of a long log name the tests that failed, with the place and the words of each panic.
what_failed() {
  printf '\n=== failed tests\n'
  grep -hE '^test .* FAILED$|^error(\[|:)' "$@" | head -n 10
  grep -hA 2 -E "^thread '.*panicked at " "$@" | cut -c 1-300 | tail -n 12
}

rm -rf "$audit"
# The tests of the console's pages and of its document wait for them.
tests/control-plane/browser.sh >/dev/null &
tests/control-plane/schemathesis.sh >/dev/null &
cargo test --locked --workspace --all-targets --no-run || exit
said=$(mktemp) end_to_end=$(mktemp)
trap 'rm -f "$said" "$end_to_end"' EXIT
set -m # A group of its own: all of it stops with this script.
others >"$said" 2>&1 &
set +m
beside=$!
trap 'kill -- "-$beside"; exit 130' INT TERM
failed=0
FLASHJOB_AUDIT_LOGS=$audit RUST_TEST_THREADS=${TEST_THREADS:-7} cargo test --locked --workspace \
  --test e2e --test e2e_plugin --test e2e_console --no-fail-fast 2>&1 | tee "$end_to_end" || failed=1
wait "$beside" || failed=1
cat "$said"
FLASHJOB_AUDIT_LOGS=$audit cargo test --locked --workspace --test rights -- --ignored --nocapture || failed=1
rm -rf "$audit"
[ "$failed" = 0 ] || what_failed "$end_to_end" "$said"
exit "$failed"
