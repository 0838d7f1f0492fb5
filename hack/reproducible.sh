#!/usr/bin/env bash
# Builds the static operator from the committed sources twice, in two directories with nothing in common but the sources and the
# tool chain, and compares the programs byte by byte.
#   usage: hack/reproducible.sh [amd64|arm64]     (WORK: where to build; default: a temporary directory; takes ~2 GB)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${WORK:-$(mktemp -d)}
trap 'rm -rf "$work/first" "$work/a"' EXIT
programs=()
# Of different depth, and one with its target directory elsewhere.
for place in first a/much/deeper/second; do
  mkdir -p "$work/$place/source"
  git -C "$root" archive HEAD | tar -x -C "$work/$place/source"
  begin=$SECONDS
  program=$(CARGO_TARGET_DIR=$work/$place/out "$work/$place/source/deploy/static.sh" "$@")
  mv "$program" "$work/$place/program"
  rm -rf "$work/$place/out"
  programs+=("$work/$place/program")
  echo "built in $work/$place in $((SECONDS - begin)) s" >&2
done
sha256sum "${programs[@]}"
cmp "${programs[@]}" || { echo "the two builds differ" >&2; exit 1; }
echo "the same $(stat -c %s "${programs[0]}") bytes, built twice at $(git -C "$root" rev-parse --short HEAD)"
