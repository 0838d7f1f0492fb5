#!/usr/bin/env bash
# Writes deploy/install.yaml, deploy/default-class.yaml and deploy/stamps.yaml: the operator's chart with its default values, for installing without
# helm. Same chart, same bytes.
#   usage: deploy/generate.sh     (HELM: the helm 4 to use; default: the one that the tests use)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
helm=${HELM:-$(tests/control-plane/build.sh helm)/helm}
namespace=flashjob-system
written=$(mktemp)
trap 'rm -f "$written"' EXIT
# The oldest supported Kubernetes, so that the result does not depend on the helm's own idea of the newest.
render() { "$helm" template flashjob-operator charts/flashjob-operator --namespace "$namespace" --kube-version 1.30.0 --skip-tests "$@"; }

{
  cat <<HEADER
# Generated from charts/flashjob-operator by deploy/generate.sh; do not edit.
# Works on FlashJobs in all namespaces. To limit it to some, install the chart with watchNamespaces.
#   kubectl apply --server-side -f deploy/install.yaml
#   kubectl wait --for=condition=Established crd/flashclasses.application.flashjob.nbfc.io
#   kubectl apply --server-side -f deploy/default-class.yaml      # or classes of your own: without one, nothing is flashed
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
HEADER
  # Its kind has to be there before it, so the class is a file of its own.
  render --set flashClass.create=false
} >"$written"
install -m 0644 "$written" deploy/install.yaml

{
  cat <<HEADER
# Generated from charts/flashjob-operator by deploy/generate.sh; do not edit.
# The FlashClass for FlashJobs that name none. It is open: it allows every namespace, image, firmware and device.
HEADER
  render --show-only templates/default-class.yaml --api-versions application.flashjob.nbfc.io/v1alpha1/FlashClass
} >"$written"
install -m 0644 "$written" deploy/default-class.yaml

{
  cat <<HEADER
# Generated from charts/flashjob-operator by deploy/generate.sh; do not edit.
# Writes who asked for a round and who approved a step into FlashJobs: for FlashClasses with spec.approvals. Needs Kubernetes 1.36.
HEADER
  render --show-only templates/stamps.yaml --api-versions admissionregistration.k8s.io/v1/MutatingAdmissionPolicy
} >"$written"
install -m 0644 "$written" deploy/stamps.yaml
