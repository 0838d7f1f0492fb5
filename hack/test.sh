#!/usr/bin/env bash
# Runs every test: those of the crate and the end-to-end ones, and beside them those of Helm's formats, which mostly wait for
# helm; last whether the operator's rights are exactly those that all of them used.
#   usage: test.sh     (TEST_THREADS=6 at a time: much of the time they wait)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export FLASHJOB_AUDIT_LOGS=${CARGO_TARGET_DIR:-$PWD/target}/audit
export RUST_TEST_THREADS=${TEST_THREADS:-6}
bin=$(tests/control-plane/build.sh) || exit
export PATH=$bin:$PATH
rm -rf "$FLASHJOB_AUDIT_LOGS"
cargo test --locked --all-targets --no-run || exit

formats=$(mktemp)
trap 'rm -f "$formats"' EXIT
# The audit logs are those of the operator's rights: what is tested here is not the operator.
env -u FLASHJOB_AUDIT_LOGS tests/control-plane/with.sh cargo test --locked --test helm_compat -- --ignored >"$formats" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null; wait "$beside"; exit 130' INT TERM
failed=0
cargo test --locked --all-targets --no-fail-fast || failed=1
wait "$beside" || failed=1
cat "$formats"
cargo test --locked --test rights -- --ignored --nocapture || failed=1
rm -rf "$FLASHJOB_AUDIT_LOGS"
exit "$failed"
