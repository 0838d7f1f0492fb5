#!/usr/bin/env bash
# Builds the control plane's programs from Go modules into a cache outside the checkout and prints their directory.
# The cache is keyed by every go.mod and go.sum, so a second run costs nothing.
#   usage: build.sh [TOOL…]     (default: all but `node`, what a real node runs)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FLASHJOB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flashjob}
key=$(cd "$here" && cat build.sh tools/*/go.mod tools/*/go.sum node/*/*.go | sha256sum | cut -c1-16)
bin=$cache/tools/$key
mkdir -p "$bin"
exec 9>"$bin/.lock"
flock 9

version_of() { (cd "$here/tools/$1" && go list -m -f '{{.Version}}' "$2"); }

# build TOOL OUTPUT PACKAGE [LDFLAGS]
build() {
  [ -x "$bin/$2" ] && return
  echo "building $2" >&2
  (cd "$here/tools/$1" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w ${4:-}" -o "$bin/.$2.tmp" "$3")
  mv "$bin/.$2.tmp" "$bin/$2"
}

tools=("$@")
[ ${#tools[@]} -gt 0 ] || tools=(helm etcd kwok kubernetes helm3 helm-unittest registry cosign2 cosign3)
for tool in "${tools[@]}"; do
  case $tool in
    helm) build helm helm helm.sh/helm/v4/cmd/helm "-X helm.sh/helm/v4/internal/version.version=$(version_of helm helm.sh/helm/v4)" ;;
    helm3) build helm3 helm3 helm.sh/helm/v3/cmd/helm "-X helm.sh/helm/v3/internal/version.version=$(version_of helm3 helm.sh/helm/v3)" ;;
    etcd) build etcd etcd go.etcd.io/etcd/server/v3 ;;
    kwok) build kwok kwok sigs.k8s.io/kwok/cmd/kwok ;;
    helm-unittest) build helm-unittest helm-unittest github.com/helm-unittest/helm-unittest/cmd/helm-unittest ;;
    registry) build registry registry github.com/distribution/distribution/v3/cmd/registry ;;
    cosign2) build cosign2 cosign2 github.com/sigstore/cosign/v2/cmd/cosign ;;
    cosign3) build cosign3 cosign3 github.com/sigstore/cosign/v3/cmd/cosign ;;
    kubernetes | node)
      v=$(version_of kubernetes k8s.io/kubernetes)
      minor=${v#v1.}
      stamp="-X k8s.io/component-base/version.gitVersion=$v -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*} -X k8s.io/client-go/pkg/version.gitVersion=$v"
      programs=(kube-apiserver kube-controller-manager kube-scheduler kubectl)
      [ "$tool" = kubernetes ] || programs=(kubelet kube-proxy)
      for program in "${programs[@]}"; do
        build kubernetes $program k8s.io/kubernetes/cmd/$program "$stamp"
      done
      if [ "$tool" = node ]; then
        build ../node pause ./pause
        build ../node oci-image ./oci-image
        build ../node wget ./wget
      fi ;;
    *) echo "unknown tool $tool: expected helm, helm3, etcd, kwok, kubernetes, node, helm-unittest, registry, cosign2 or cosign3" >&2; exit 2 ;;
  esac
done
echo "$bin"
