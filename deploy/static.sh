#!/usr/bin/env bash
# Builds static programs, the same bytes wherever the sources lie, and prints their paths, one a line: the operator, its console, the plugin
# of kubectl, the reference flash image's program. Several at once share what they have in common.
#   usage: deploy/static.sh [amd64|arm64] [flashjob-operator|flashjob-console|kubectl-flashjob|flash-agent]…     (default: this machine's architecture, the operator)
# Needs a C compiler for the target: gcc or musl-gcc, for the other architecture a cross compiler, which it installs as root on Debian.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

host=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
arch=${1:-$host}
case $arch in
  amd64) machine=x86_64 ;;
  arm64) machine=aarch64 ;;
  *) echo "unknown architecture $arch: expected amd64 or arm64" >&2; exit 2 ;;
esac
programs=("${@:2}")
[ ${#programs[@]} -gt 0 ] || programs=(flashjob-operator)
target=$machine-unknown-linux-musl
name=${target//-/_}

first_of() {
  local program
  for program in "$@"; do
    if command -v "$program" >/dev/null; then echo "$program"; return; fi
  done
  echo "none of these compilers was found: $*" >&2
  return 1
}

# Installs Debian's compiler for the other architecture, with the headers of its C library, where that may be done.
install_compiler() {
  local packages=("gcc-${machine//_/-}-linux-gnu" "libc6-dev-$arch-cross")
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no C compiler for $arch; install these packages, under their names in Debian: ${packages[*]}" >&2
    return 1
  fi
  echo "installing ${packages[*]}" >&2
  { apt-get update && apt-get install --yes --no-install-recommends "${packages[@]}"; } >&2
}

if [ "$arch" = "$host" ]; then
  cc=$(first_of musl-gcc gcc)
else
  compilers=("$machine-linux-musl-gcc" "$machine-linux-gnu-gcc")
  cc=$(first_of "${compilers[@]}" 2>/dev/null) || { install_compiler; cc=$(first_of "${compilers[@]}"); }
  # The host's linker cannot; Rust's own links the target's C library and start files, which come with the target.
  export "CARGO_TARGET_${name^^}_LINKER=rust-lld"
fi
rustup target list --installed | grep -qx "$target" || rustup target add "$target" >&2
built=${CARGO_TARGET_DIR:-$root/target}
cargo_home=${CARGO_HOME:-$HOME/.cargo}
selected=()
for program in "${programs[@]}"; do selected+=(--package "$program" --bin "$program"); done
# No path of this machine in a program: it must not depend on the directory that it is built in. Of two that match, the last holds.
RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }--remap-path-prefix=$root=/flashjob-operator --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$built=/target" \
  CFLAGS="${CFLAGS:+$CFLAGS }-ffile-prefix-map=$root=/flashjob-operator -ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$built=/target" \
  env "CC_$name=$cc" cargo build --locked --release --target "$target" "${selected[@]}" >&2
for program in "${programs[@]}"; do
  path=$built/$target/release/$program
  if readelf --program-headers "$path" | grep -q INTERP; then
    echo "$path is dynamically linked: an image without a C library cannot run it" >&2
    exit 1
  fi
  echo "$path"
done
