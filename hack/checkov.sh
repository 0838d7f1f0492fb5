#!/usr/bin/env bash
# Runs checkov on what both charts render; see checkov.py. checkov is kept in $FLASHJOB_CACHE. Nothing is downloaded by checkov itself.
#   usage: hack/checkov.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=3.3.30
root=${FLASHJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flashjob}/checkov
if [ "$(cat "$root/version" 2>/dev/null)" != "$version" ]; then
  rm -rf "$root"
  python3 -m venv "$root"
  "$root/bin/pip" install --quiet --disable-pip-version-check "checkov==$version"
  echo "$version" >"$root/version"
fi
"$root/bin/python" hack/checkov.py "$root/bin/checkov" "$(tests/control-plane/build.sh helm)/helm"
