#!/usr/bin/env bash
# Packs kubectl flashjob for krew, kubectl's plugin manager: for each architecture an archive with the static program, its pages for man and the
# licence, and the manifest that names the archives. Prints the manifest's path. The same programs give the same bytes.
#   usage: deploy/krew.sh URL [ARCH…]     (URL: where the archives will be; default: amd64 and arm64; see deploy/static.sh for what it needs)
#   PROGRAM_amd64, PROGRAM_arm64: programs that are there already; OUT: where to, default target/krew
# To try the result: kubectl krew install --manifest=FILE --archive=ARCHIVE
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
url=${1:?usage: deploy/krew.sh URL [ARCH…]}
shift
[ $# -gt 0 ] || set -- amd64 arm64
out=${OUT:-${CARGO_TARGET_DIR:-$root/target}/krew}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
# As the image: files have the time of the last commit.
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
content=$(mktemp -d)
trap 'rm -rf "$content"' EXIT
mkdir -p "$out"

declare -A program
for arch in "$@"; do
  given=PROGRAM_$arch
  program[$arch]=${!given:-$("$root/deploy/static.sh" "$arch" kubectl-flashjob)}
done
# The pages are the same for every architecture: the one that runs here writes them.
host=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
if [ -z "${program[$host]:-}" ]; then
  echo "the program of this architecture, $host, writes the pages for man: pack it, too" >&2
  exit 2
fi
"${program[$host]}" manual "$content/man"
cp "$root/LICENSE" "$content"

manifest=$out/flashjob.yaml
sed "/^#/d; s/vVERSION/v$version/" "$root/deploy/krew/flashjob.yaml" >"$manifest"
for arch in "$@"; do
  archive=kubectl-flashjob-$version-linux-$arch.tar.gz
  install -m 0755 "${program[$arch]}" "$content/kubectl-flashjob"
  tar --create --directory "$content" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    LICENSE kubectl-flashjob man | gzip --no-name --best >"$out/$archive"
  sha256=$(sha256sum "$out/$archive" | cut -d ' ' -f 1)
  cat >>"$manifest" <<PLATFORM
  - selector:
      matchLabels: {os: linux, arch: $arch}
    uri: ${url%/}/$archive
    sha256: $sha256
    bin: kubectl-flashjob
PLATFORM
done
echo "$manifest"
