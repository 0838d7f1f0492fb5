#!/usr/bin/env bash
# Sees to it that schemathesis is here, which asks an API whatever its document allows: a cache outside the checkout has it, keyed by the
# versions in schemathesis.txt. Where it may, it installs Debian's python3 with venv for that. Prints the path of the program.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FLASHJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flashjob}
key=$(sha256sum "$here/schemathesis.txt" | cut -c1-16)
place=$cache/schemathesis/$key
mkdir -p "$cache/schemathesis"
# Tests that begin at the same time wait for one of them to install.
exec 9>"$cache/schemathesis/lock"
flock 9
if [ ! -e "$place/ready" ]; then
  log=$cache/schemathesis/install.log
  rm -rf "$place"
  # Without ensurepip there is no pip in a venv: Debian has it in a package of its own.
  if ! python3 -c 'import venv, ensurepip' 2>/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing python3-venv" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-venv; } >"$log" 2>&1 || true
  fi
  if ! { python3 -m venv "$place" && "$place/bin/pip" install --disable-pip-version-check -r "$here/schemathesis.txt"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "the test of the console's document needs schemathesis from PyPI, by python3 with its module venv; it could not be installed" >&2
    exit 1
  fi
  touch "$place/ready"
fi
echo "$place/bin/schemathesis"
