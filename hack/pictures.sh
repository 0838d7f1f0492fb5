#!/usr/bin/env bash
# Draws docs/pictures/*.svg from the texts beside them.
#   usage: pictures.sh
# D2 is a Go program; it is built once into $FLASHJOB_CACHE.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
D2_VERSION=v0.7.2
cache=${FLASHJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flashjob}/d2-$D2_VERSION
if [ ! -x "$cache/d2" ]; then
  echo "building d2" >&2
  GOBIN=$cache CGO_ENABLED=0 go install "oss.terrastruct.com/d2@$D2_VERSION" >&2
fi
for text in docs/pictures/*.d2; do
  name=$(basename "$text" .d2)
  # The salt keeps two pictures of one page apart: their styles are named by it.
  "$cache/d2" --theme 0 --dark-theme 200 --pad 20 --omit-version --salt "flashjob-$name" "$text" "docs/pictures/$name.svg" >/dev/null 2>&1 ||
    { "$cache/d2" validate "$text"; exit 1; }
  chmod 644 "docs/pictures/$name.svg"
done
