#!/usr/bin/env bash
# Stops a control plane when the process that owns it has ended, however it ended.
#   usage: watchdog.sh STATE-DIRECTORY OWNER-PID STARTER-PID     (the starter is up.sh, which may be half-way)
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
directory=$1 owner=$2 starter=$3
owner_at=$(started "$owner")
starter_at=$(started "$starter")
while [ -n "$owner_at" ] && alive "$owner" "$owner_at"; do sleep 0.5; done
# Killed, not asked: nothing may be started after the list of what runs has been read.
[ -n "$starter_at" ] && alive "$starter" "$starter_at" && kill -KILL "$starter"
WATCHDOG=1 STOP_SECONDS=2 "$here/down.sh" "$directory"
