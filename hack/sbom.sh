#!/usr/bin/env bash
# Writes the bill of materials of the operator, in CycloneDX: what its static program is linked from, by the locked versions.
#   usage: hack/sbom.sh [amd64|arm64]     (default: this machine's architecture; prints the file's path)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-$(uname -m)} in
  amd64 | x86_64) machine=x86_64 ;;
  arm64 | aarch64) machine=aarch64 ;;
  *) echo "unknown architecture ${1:-}: expected amd64 or arm64" >&2; exit 2 ;;
esac
tool=$(hack/cargo-tool.sh cargo-cyclonedx 0.5.9)
# The same sources give the same file.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
name=flashjob-operator-$machine.cdx
"$tool" cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --target "$machine-unknown-linux-musl" --override-filename "$name"
directory=${CARGO_TARGET_DIR:-target}/sbom
mkdir -p "$directory"
# No path of this machine in it.
sed "s|path+file://$PWD|path+file:///flashjob-operator|g" "$name.json" >"$directory/$name.json"
rm "$name.json"
echo "$directory/$name.json"
