#!/usr/bin/env bash
# Writes the files that are generated: the CRDs from the Rust types, for people (crds/) and for the operator's chart, with what of
# them is in the schema of that chart's values; deploy/install.yaml and default-class.yaml from that chart; the reference of the
# command lines and of the API; the tables of the charts' values; and the pictures of the pages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=$(tests/control-plane/build.sh helm)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

cargo run --locked --quiet --bin flashjob-operator -- crds >"$temporary/all.yaml"
mkdir "$temporary/crds"
# One file a CRD, by its name, without blank lines at its end.
awk -v directory="$temporary/crds" '
  function flush(  file, i) {
    if (name != "") {
      while (count > 0 && lines[count] == "") count--
      file = directory "/" name ".yaml"
      for (i = 1; i <= count; i++) print lines[i] > file
      close(file)
    }
    count = 0; name = ""; begun = 0
  }
  /^---$/ { flush(); next }
  /^# Generated/ && begun { flush() }
  /^apiVersion:/ { if (begun) flush(); begun = 1 }
  /^  name: / && name == "" { name = $2 }
  { lines[++count] = $0 }
  END { flush() }
' "$temporary/all.yaml"
ls "$temporary"/crds/*.yaml >/dev/null || { echo "flashjob-operator crds printed no CRD" >&2; exit 1; }
for directory in crds charts/flashjob-operator/files/crds; do
  mkdir -p "$directory"
  # A CRD that is no longer there goes from here, too.
  rm -f "$directory"/*.yaml
  cp "$temporary"/crds/*.yaml "$directory"
done

schema=charts/flashjob-operator/values.schema.json
cargo run --locked --quiet --bin flashjob-operator -- values-schema "$schema" >"$temporary/schema.json"
cp "$temporary/schema.json" "$schema"

HELM=$bin/helm deploy/generate.sh

mkdir -p docs
cargo run --locked --quiet --bin flashjob-operator -- reference >"$temporary/cli.md"
cp "$temporary/cli.md" docs/cli.md
# Built with the operator, so that both have the features of their dependencies in common, and none is built twice.
cargo build --locked --quiet --package flashjob-operator --package kubectl-flashjob --bin kubectl-flashjob
"${CARGO_TARGET_DIR:-target}/debug/kubectl-flashjob" reference >"$temporary/kubectl-flashjob.md"
cp "$temporary/kubectl-flashjob.md" docs/kubectl-flashjob.md

cargo run --locked --quiet --package reference

hack/pictures.sh
