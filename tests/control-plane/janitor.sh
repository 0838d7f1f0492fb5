#!/usr/bin/env bash
# Removes the control groups of a run of enclosed.sh as soon as all that ran in it has ended.
#   usage: janitor.sh MARK     (a folder that every process of the run holds locked; the groups have its name)
set -uo pipefail
mark=$1 group=${1##*/}
exec 8<"$mark" || exit
flock 8
groups() { find /sys/fs/cgroup/"$group" /sys/fs/cgroup/*/"$group" -depth -type d 2>/dev/null; }
# What was killed takes a moment to be gone.
for _ in {1..100}; do
  groups | xargs -r rmdir 2>/dev/null
  [ -n "$(groups)" ] || { rmdir "$mark"; exit; }
  sleep 0.1
done
echo "control groups are left: $(groups | tr '\n' ' ')" >&2
exit 1
