#!/usr/bin/env bash
# Builds the pages as a site that can be browsed and searched, and prints where it is.
#   usage: site.sh [DIRECTORY]     (default: target/site)
# The pages keep their places in the repository, so that their links to one another, and to files, hold in both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
MDBOOK_VERSION=0.5.4
site=$(realpath -m "${1:-${CARGO_TARGET_DIR:-target}/site}")
book=$(hack/cargo-tool.sh mdbook "$MDBOOK_VERSION")
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
git ls-files -z --cached --others --exclude-standard -- '*.md' docs charts crds deploy examples LICENSE |
  xargs -0 cp --parents -t "$pages"
mv "$pages"/docs/site/{book.toml,SUMMARY.md,theme} "$pages"
"$book" build "$pages" --dest-dir "$site" >&2
echo "$site/index.html"
