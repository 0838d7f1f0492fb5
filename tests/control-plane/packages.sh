#!/usr/bin/env bash
# Sees to it that the programs are here that a real node needs and that no Go module brings: where it may, it installs Debian's.
set -euo pipefail
missing=()
need() {
  local program=$1 package=$2
  [ -x "$program" ] || command -v "$program" >/dev/null || missing+=("$package")
}
need containerd containerd
need runc runc
need /usr/lib/cni/bridge containernetworking-plugins
need iptables iptables
need ip iproute2
need unshare util-linux
if [ "$(id -u)" != 0 ]; then
  echo "a real node needs root: it makes namespaces, mounts and control groups" >&2
  exit 1
fi
[ ${#missing[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "a real node needs these packages, under their names in Debian: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}" >&2
if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >/tmp/flashjob-packages.log 2>&1; then
  tail -n 5 /tmp/flashjob-packages.log >&2
  echo "could not install these packages, which a real node needs: ${missing[*]}" >&2
  exit 1
fi
