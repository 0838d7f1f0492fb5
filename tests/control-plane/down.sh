#!/usr/bin/env bash
# Stops what up.sh started, and what was registered with it since (an operator, a fleet): those first, then the node, scheduler
# and controller-manager, then the API server, then etcd (the other way round takes a minute).
#   usage: down.sh STATE-DIRECTORY
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -eq 1 ] || { echo "usage: down.sh STATE-DIRECTORY" >&2; exit 2; }
directory=$1
[ -f "$directory/pids" ] || { echo "no control plane was started in $directory" >&2; exit 0; }

# The watchdog has nothing left to watch; when it is what called us, it ends by itself.
if [ -z "${WATCHDOG:-}" ] && watchdog=$(cat "$directory/watchdog.pid" 2>/dev/null); then
  grep -qsaF "$directory" "/proc/$watchdog/cmdline" && kill "$watchdog" 2>/dev/null
fi
programs=(kwok kubelet kube-proxy containerd kube-scheduler kube-controller-manager)
others=$(awk '{print $1}' "$directory/pids" | sort -u | grep -vE '^(etcd|kube-apiserver|kwok|kubelet|kube-proxy|containerd|kube-scheduler|kube-controller-manager)$')
# shellcheck disable=SC2086
[ -z "$others" ] || stop "$directory" "${STOP_SECONDS:-15}" $others
stop "$directory" 5 "${programs[@]}"
stop "$directory" 5 kube-apiserver
stop "$directory" 5 etcd
