#!/usr/bin/env bash
# Writes the files that are generated: the CRDs from the Rust types, for people (crds/) and for the operator's chart, with what of
# them is in the schema of that chart's values; deploy/install.yaml and default-class.yaml from that chart; the reference of the
# command lines and of the API; the tables of the charts' values; and the pictures of the pages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=$(tests/control-plane/build.sh helm)
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# All of the workspace, as the tests do: Cargo builds what is shared once, with the features that any member asks for.
cargo build --locked --quiet --workspace --bin flashjob-operator --bin kubectl-flashjob --bin reference
programs=${CARGO_TARGET_DIR:-target}/debug

"$programs/flashjob-operator" crds >"$temporary/all.yaml"
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
"$programs/flashjob-operator" values-schema "$schema" >"$temporary/schema.json"
cp "$temporary/schema.json" "$schema"

HELM=$bin/helm deploy/generate.sh

mkdir -p docs
"$programs/flashjob-operator" reference >"$temporary/cli.md"
cp "$temporary/cli.md" docs/cli.md
"$programs/kubectl-flashjob" reference >"$temporary/kubectl-flashjob.md"
cp "$temporary/kubectl-flashjob.md" docs/kubectl-flashjob.md

"$programs/reference"

hack/pictures.sh
