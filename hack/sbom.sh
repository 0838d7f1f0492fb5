#!/usr/bin/env bash
# Writes the bills of materials of the operator and its console, in CycloneDX: what each static program is linked from, by the locked versions.
#   usage: hack/sbom.sh [amd64|arm64]     (default: this machine's architecture; prints the paths of the files)
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
# It writes one beside the Cargo.toml of every crate, by this name; all of them go, whatever happens.
name=bill-$machine.cdx
trap 'rm -f "$name.json" crates/*/"$name.json"' EXIT
"$tool" cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --target "$machine-unknown-linux-musl" --override-filename "$name"
directory=${CARGO_TARGET_DIR:-target}/sbom
mkdir -p "$directory"
while read -r program folder; do
  # No path of this machine in it.
  sed "s|path+file://$PWD|path+file:///flashjob-operator|g" "$folder/$name.json" >"$directory/$program-$machine.cdx.json"
  echo "$directory/$program-$machine.cdx.json"
done <<'PROGRAMS'
flashjob-operator .
flashjob-console crates/flashjob-console
PROGRAMS
