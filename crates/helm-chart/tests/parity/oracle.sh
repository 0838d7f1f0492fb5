#!/usr/bin/env bash
# Builds the program that answers for Helm from its libraries, at the version of the control plane's helm, and prints its path.
# The cache keeps it by a hash of its sources.
set -euo pipefail
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../../tests/control-plane/tools/helm" && pwd)
cache=${FLASHJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flashjob}
key=$(cd "$tools" && cat go.mod go.sum oracle/*.go | sha256sum | cut -c1-16)
program=$cache/tools/oracle-$key/oracle
mkdir -p "$(dirname "$program")"
exec 9>"$(dirname "$program")/.lock"
flock 9
if [ ! -x "$program" ]; then
  (cd "$tools" && CGO_ENABLED=0 go build -trimpath -o "$program.tmp" ./oracle) >&2
  mv "$program.tmp" "$program"
fi
echo "$program"
