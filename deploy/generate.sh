#!/usr/bin/env bash
# Writes deploy/install.yaml: the operator's chart with its default values, for installing without helm. Same chart, same bytes.
#   usage: deploy/generate.sh     (HELM: the helm 4 to use; default: the one that the tests use)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
helm=${HELM:-$(tests/control-plane/build.sh helm)/helm}
namespace=flashjob-system
written=$(mktemp)
trap 'rm -f "$written"' EXIT

{
  cat <<HEADER
# Generated from charts/flashjob-operator by deploy/generate.sh; do not edit.
# Works on FlashJobs in all namespaces. To limit it to some, install the chart with watchNamespaces.
#   kubectl apply --server-side -f deploy/install.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
HEADER
  # The oldest supported Kubernetes, so that the result does not depend on the helm's own idea of the newest.
  "$helm" template flashjob-operator charts/flashjob-operator --namespace "$namespace" --kube-version 1.30.0 --skip-tests
} >"$written"
install -m 0644 "$written" deploy/install.yaml
