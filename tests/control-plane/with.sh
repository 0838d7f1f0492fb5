#!/usr/bin/env bash
# Runs a command with a control plane of its own: KUBECONFIG names it, FLASHJOB_TOOLS the directory of helm, helm3 and kubectl.
# Everything stops when the command ends, however it ends.
#   usage: with.sh COMMAND [ARGUMENT…]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { echo "usage: with.sh COMMAND [ARGUMENT…]" >&2; exit 2; }
bin=$("$here/build.sh")
state=$(mktemp -d)
trap 'code=$?; trap - EXIT; "$here/down.sh" "$state" >/dev/null 2>&1 || true; rm -rf "$state"; exit $code' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
BIN=$bin OWNER_PID=$$ "$here/up.sh" "$state" >/dev/null
KUBECONFIG=$state/admin.kubeconfig FLASHJOB_TOOLS=$bin PATH=$bin:$PATH "$@"
