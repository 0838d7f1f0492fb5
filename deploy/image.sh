#!/usr/bin/env bash
# Builds the operator's image: a static operator, its console and a static helm, staged in target/dist, packed by deploy/Dockerfile.
#   usage: deploy/image.sh [amd64|arm64]     (default: this machine's architecture)
#   IMAGE            name of the image       (default: localhost/flashjob-operator:VERSION)
#   BUILDER          command that builds it  (default: buildah bud --isolation chroot --storage-driver vfs; or: docker build)
#   OPERATOR_BINARY, CONSOLE_BINARY  a static flashjob-operator and flashjob-console built elsewhere; otherwise cargo builds them here
# What building needs: see deploy/static.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

host=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
arch=${1:-$host}
case $arch in
  amd64 | arm64) ;;
  *) echo "unknown architecture $arch: expected amd64 or arm64" >&2; exit 2 ;;
esac
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
image=${IMAGE:-localhost/flashjob-operator:$version}
# The same programs give the same image, whenever it is packed.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
read -r -a builder <<<"${BUILDER:-buildah bud --isolation chroot --storage-driver vfs --timestamp $SOURCE_DATE_EPOCH}"
dist=$root/target/dist
stage=$dist/linux-$arch

# Prints the path of a static helm for $arch. Another architecture gets a cache of its own.
build_helm() {
  local cache=${FLASHJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flashjob}
  [ "$arch" = "$host" ] || cache=$cache/$arch
  echo "$(FLASHJOB_CACHE=$cache GOOS=linux GOARCH=$arch tests/control-plane/build.sh helm)/helm"
}

must_be_static() {
  if readelf --program-headers "$1" | grep -q INTERP; then
    echo "$1 is dynamically linked: an image without a C library cannot run it" >&2
    exit 1
  fi
}

operator=${OPERATOR_BINARY:-} console=${CONSOLE_BINARY:-}
missing=()
[ -n "$operator" ] || missing+=(flashjob-operator)
[ -n "$console" ] || missing+=(flashjob-console)
if [ ${#missing[@]} -gt 0 ]; then
  for path in $(deploy/static.sh "$arch" "${missing[@]}"); do
    case ${path##*/} in
      flashjob-operator) operator=$path ;;
      flashjob-console) console=$path ;;
    esac
  done
fi
helm=$(build_helm)
must_be_static "$operator"
must_be_static "$console"
must_be_static "$helm"

rm -rf "$stage"
mkdir -p "$stage/rootfs/etc/ssl/certs"
mkdir -m 1777 "$stage/rootfs/tmp"
install -m 0755 "$operator" "$stage/flashjob-operator"
install -m 0755 "$console" "$stage/flashjob-console"
install -m 0755 "$helm" "$stage/helm"
install -m 0644 LICENSE "$stage/rootfs/LICENSE"
printf 'flashjob:x:65532:65532::/tmp:/sbin/nologin\n' >"$stage/rootfs/etc/passwd"
# In a cluster the API server is trusted by the mounted CA; these are for API servers with a public certificate.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -r "$certificates" ]; then
  install -m 0644 "$certificates" "$stage/rootfs/etc/ssl/certs/"
else
  echo "note: $certificates is not here, the image gets no public certificates" >&2
fi

"${builder[@]}" --platform "linux/$arch" --build-arg "TARGETARCH=$arch" --build-arg "VERSION=$version" \
  --file deploy/Dockerfile --tag "$image" "$dist"
echo "built $image for linux/$arch"
