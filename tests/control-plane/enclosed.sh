#!/usr/bin/env bash
# Runs a command in a machine of its own, as far as the kernel has one: network, mounts and processes are others than this machine's, so
# that a real node can run in it (NODE=real, see up.sh) and nothing of it is left when the command has ended, however it ended.
# There is no network but what is made in it: build everything before.
#   usage: enclosed.sh COMMAND [ARGUMENT…]
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { echo "usage: enclosed.sh COMMAND [ARGUMENT…]" >&2; exit 2; }
"$here/packages.sh" || exit

# Control groups are the one thing that has no life of its own. The janitor outlives this script and removes them; for one that was
# killed as well, the next run does.
for left in /tmp/flashjob-enclosed-*; do
  [ -d "$left" ] && flock --nonblock "$left" true && "$here/janitor.sh" "$left"
done
mark=$(mktemp -d /tmp/flashjob-enclosed-XXXXXX) || exit
# Everything that is started from here on holds it, but for the janitor: it is free when all of that has ended.
exec 8<"$mark"
flock 8
setsid "$here/janitor.sh" "$mark" </dev/null 8<&- &
janitor=$!

# Killed with this script: the first process inside dies with unshare, and all others with the first.
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child=KILL --mount-proc --propagation private \
  env FLASHJOB_ENCLOSED="${mark##*/}" "$here/inside.sh" "$@" <&0 &
enclosed=$!
trap 'read -r first <"/proc/$enclosed/task/$enclosed/children" && kill -TERM "$first"' INT TERM
while :; do
  wait "$enclosed"
  code=$?
  # A trap ends the wait, not the command.
  [ -e "/proc/$enclosed" ] || break
done
exec 8<&-
wait "$janitor"
exit "$code"
