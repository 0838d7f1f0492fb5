#!/usr/bin/env bash
# Changes the pure rooms one small thing at a time, and says which changes no unit test notices: the score of each room, and
# target/mutants/missed.txt. The first run builds everything, and takes as long as a first build; hack/mutants says how it works.
#   usage: mutants.sh [FILE-PREFIX]    such as src/flashjob/plan; default: all
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
list=$(hack/cargo-tool.sh cargo-mutants 27.1.0)
output=target/mutants
mkdir -p "$output"
"$list" mutants --list --json --workspace --colors never \
  --file 'src/flashjob/spec/**' --file 'src/flashjob/plan/**' --file 'src/flashjob/status/**' --file 'src/flashjob/verdict/**' \
  --file 'src/device/**' --file 'src/flashclass/**' --file 'src/flash_pod/guard/**' \
  --file 'crates/helm-chart/src/engine/**' --file 'crates/helm-release/src/**' >"$output/list.json"
CARGO_TARGET_DIR=$output/tool cargo build --locked --quiet --release --manifest-path hack/mutants/Cargo.toml
exec "$output/tool/release/mutants" "$output/list.json" "$output" "$@"
