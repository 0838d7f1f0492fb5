#!/usr/bin/env bash
# Builds the static programs of the image, the operator and its console, from the committed sources twice, in two directories with nothing
# in common but the sources and the tool chain, and compares the programs byte by byte.
#   usage: hack/reproducible.sh [amd64|arm64]     (WORK: where to build; default: a temporary directory; takes ~2 GB)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${WORK:-$(mktemp -d)}
trap 'rm -rf "$work/first" "$work/a"' EXIT
packages=(flashjob-operator flashjob-console)
arch=${1:-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')}
# Of different depth, and one with its target directory elsewhere.
for place in first a/much/deeper/second; do
  mkdir -p "$work/$place/source"
  git -C "$root" archive HEAD | tar -x -C "$work/$place/source"
  begin=$SECONDS
  CARGO_TARGET_DIR=$work/$place/out "$work/$place/source/deploy/static.sh" "$arch" "${packages[@]}" | xargs -I{} mv {} "$work/$place/"
  rm -rf "$work/$place/out"
  echo "built in $work/$place in $((SECONDS - begin)) s" >&2
done
for package in "${packages[@]}"; do
  first=$work/first/$package second=$work/a/much/deeper/second/$package
  sha256sum "$first" "$second"
  cmp "$first" "$second" || { echo "the two builds of $package differ" >&2; exit 1; }
  echo "$package: the same $(stat -c %s "$first") bytes, built twice at $(git -C "$root" rev-parse --short HEAD)"
done
