# shellcheck shell=bash
# Sourced by up.sh, down.sh, demo.sh: which processes belong to a control plane, and how they are started and stopped.
# The file `pids` in the state directory holds one line a process: name, pid, start time. The start time makes sure that
# a pid that was given to another program since is never signalled.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034
repository=$(cd "$here/../.." && pwd)

# started PID: when it started, in clock ticks since boot; fails when it does not run (a zombie does not).
started() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is the program's name in parentheses and may hold spaces.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [ "$1" != Z ] && echo "${20}"
}

# alive PID START-TIME
alive() { [ "$(started "$1")" = "$2" ]; }

# register DIRECTORY NAME PID: down.sh will stop it.
register() {
  local at
  at=$(started "$3") || { echo "$2 ended at once" >&2; return 1; }
  echo "$2 $3 $at" >>"$1/pids"
}

# launch DIRECTORY NAME COMMAND…: in a session of its own, so that a Ctrl-C in the terminal reaches only the script.
launch() {
  local directory=$1 name=$2
  shift 2
  setsid "$@" </dev/null >"$directory/$name.log" 2>&1 3>&- 4>&- &
  launched=$!
  register "$directory" "$name" "$launched" || { tail -n 20 "$directory/$name.log" >&2; return 1; }
}

# runs DIRECTORY NAME: whether the process of that name lives.
runs() {
  local name pid at
  while read -r name pid at; do
    [ "$name" = "$2" ] && alive "$pid" "$at" && return 0
  done <"$1/pids"
  return 1
}

# await DIRECTORY NAME SECONDS WHAT COMMAND…: until COMMAND succeeds; fails with the log's tail when NAME dies or time is up.
await() {
  local directory=$1 name=$2 seconds=$3 what=$4 deadline=$((SECONDS + $3))
  shift 4
  until "$@" >/dev/null 2>&1; do
    if ! runs "$directory" "$name"; then
      echo "$name died while waiting for: $what. The end of $directory/$name.log:" >&2
      tail -n 20 "$directory/$name.log" >&2
      return 1
    elif [ "$SECONDS" -ge "$deadline" ]; then
      echo "no $what within $seconds s. The end of $directory/$name.log:" >&2
      tail -n 20 "$directory/$name.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

# stop DIRECTORY SECONDS NAME…: SIGTERM to all of that name, then SIGKILL to those that are left.
stop() {
  local directory=$1 deadline=$((SECONDS + $2)) wanted name pid at
  shift 2
  local -a left=()
  for wanted in "$@"; do
    while read -r name pid at; do
      if [ "$name" = "$wanted" ] && alive "$pid" "$at"; then
        kill -TERM "$pid" 2>/dev/null && left+=("$pid $at $name")
      fi
    done <"$directory/pids"
  done
  local entry
  for entry in "${left[@]}"; do
    read -r pid at name <<<"$entry"
    while alive "$pid" "$at"; do
      if [ "$SECONDS" -ge "$deadline" ]; then
        echo "$name ($pid) did not stop by itself: killed" >&2
        kill -KILL "$pid" 2>/dev/null
        break
      fi
      sleep 0.05
    done
  done
}
