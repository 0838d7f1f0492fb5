#!/usr/bin/env bash
# Prints how many lines of code each room has: Rust without comments, blank lines and tests.
#   usage: lines.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A module of tests at the end of a file ends the count of that file.
code() {
  awk '/^#\[cfg\(test\)\]$/ { held = 1; next }
       held && /^mod tests \{/ { exit }
       held { held = 0 }
       /^[[:space:]]*(\/\/|$)/ { next }
       { count++ }
       END { print count + 0 }' "$1"
}

rooms() {
  local file room
  while IFS= read -r file; do
    case $file in
      */tests/* | */tests.rs | *_tests.rs | */fixtures/* | */fixtures.rs | */simulation/* | crates/testbed/* | crates/sim-device/*) continue ;;
    esac
    case $file in
      crates/*) room=$(cut -d/ -f1,2 <<<"$file") ;;
      src/flashjob/*/*) room=$(cut -d/ -f1-3 <<<"$file") ;;
      src/*/*) room=$(cut -d/ -f1,2 <<<"$file") ;;
      *) room=${file%.rs} ;;
    esac
    printf '%s %s\n' "$room" "$(code "$file")"
  done < <(git ls-files 'src/*.rs' 'crates/*.rs')
}

rooms | awk '{ lines[$1] += $2; all += $2 }
  END { for (room in lines) printf "%7d  %s\n", lines[room], room | "sort -rn"; close("sort -rn"); printf "%7d  all\n", all }'
