#!/usr/bin/env bash
# Installs the operator's chart without a Pod of its own, and writes operator.kubeconfig with a token of the ServiceAccount
# that the chart created: a program that runs with it has exactly the rights that the chart gives, and is confined to what is the
# operator's own. KUBECONFIG and PATH (kubectl, helm) are the caller's.
#   usage: install-operator.sh STATE-DIRECTORY NAMESPACE [HELM-ARGUMENT…]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
directory=$1 namespace=$2
shift 2
helm upgrade --install flashjob-operator "$here/../../charts/flashjob-operator" --namespace "$namespace" --create-namespace \
  --values "$here/operator-values.yaml" "$@" >"$directory/helm-install.log" 2>&1 || { cat "$directory/helm-install.log" >&2; exit 1; }
# The chart's fence, in this namespace alone: programs whose lease is in another one bind the policy for themselves. This binding stays,
# for when the last one goes that names Leases, the API server sees none change any more (kubernetes#130887).
helm template flashjob-operator "$here/../../charts/flashjob-operator" --namespace "$namespace" --show-only templates/fence.yaml \
  --set admission.fence.enable=true --set "watchNamespaces={$namespace}" | kubectl apply --server-side -f - >/dev/null
kubectl wait --for=condition=Established crd/flashjobs.application.flashjob.nbfc.io \
  crd/flashclasses.application.flashjob.nbfc.io --timeout=30s >/dev/null
# A policy that changes objects knows a kind some seconds later than the API server does, and refuses it until then.
known='{"apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": {"name": "known"}, "spec": {"firmware": "f", "version": "1"}}'
tried=0
until kubectl -n "$namespace" create --dry-run=server -f - <<<"$known" >/dev/null 2>"$directory/known.log"; do
  tried=$((tried + 1))
  [ "$tried" -lt 120 ] || { cat "$directory/known.log" >&2; exit 1; }
  sleep 0.5
done
# In a file, as in a container: clients read it again and again, so it can be replaced while they run.
(umask 077 && kubectl -n "$namespace" create token flashjob-operator --duration=720h >"$directory/operator.token")
server=$(kubectl config view --minify -o 'jsonpath={.clusters[0].cluster.server}')
cat >"$directory/operator.kubeconfig" <<K
apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {server: "$server", certificate-authority: $directory/ca.crt}
users:
- name: operator
  user: {tokenFile: $directory/operator.token}
contexts:
- name: test
  context: {cluster: test, user: operator, namespace: $namespace}
current-context: test
K
