#!/usr/bin/env bash
# Prints the path of a cargo subcommand of that version; builds it when it is not in $FLASHJOB_CACHE.
#   usage: cargo-tool.sh NAME VERSION
set -euo pipefail
name=$1 version=$2
cache=${FLASHJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flashjob}
root=$cache/$name
# Cargo's own list of what it installed there.
if ! grep -qs "^\"$name $version " "$root/.crates.toml"; then
  # Its build stays out of the project's target directory, which holds another profile.
  CARGO_TARGET_DIR=$cache/$name-target cargo install "$name" --version "$version" --locked --force --root "$root" >&2
  rm -rf "$cache/$name-target"
fi
echo "$root/bin/$name"
