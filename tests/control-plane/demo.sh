#!/usr/bin/env bash
# Shows the operator at work on a control plane of its own: see the Makefile.
#   usage: demo.sh demo ENGINE                    flash twelve simulated devices, then stop everything
#          demo.sh up ENGINE STATE-DIRECTORY      leave all of it running until down.sh STATE-DIRECTORY
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mode=${1:-demo} engine=${2:-native} devices=${DEVICES:-12} job=sample namespace=default
case $mode-$engine in
  demo-native | demo-helm | demo-auto | up-native | up-helm | up-auto) ;;
  *) echo "usage: demo.sh demo|up native|helm|auto [STATE-DIRECTORY]" >&2; exit 2 ;;
esac
cd "$repository"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

# What Ctrl-C interrupts may have its output redirected, and the traps would inherit that.
exec 3>&1 4>&2

say "Building what is missing (kept in ${FLASHJOB_CACHE:-~/.cache/flashjob}; the first time takes about a quarter of an hour)"
bin=$("$here/build.sh" etcd kwok kubernetes helm)
cargo build --locked --quiet --workspace \
  --bin flashjob-operator --bin flashjob-console --bin kubectl-flashjob --bin fleet
target=${CARGO_TARGET_DIR:-$repository/target}/debug

if [ "$mode" = demo ]; then
  state=$(mktemp -d "${TMPDIR:-/tmp}/flashjob-demo.XXXXXX")
  # The control plane dies with this script, even if it is killed; the trap is for tidy ends.
  export OWNER_PID=$$
  finish() {
    local code=$?
    trap - EXIT
    # A second Ctrl-C must not leave half of it running.
    trap '' INT TERM
    exec >&3 2>&4
    say "Stopping"
    "$here/down.sh" "$state"
    case $code in
      0 | 130 | 143) rm -rf "$state" ;;
      *) echo "The logs are in $state" >&2 ;;
    esac
    exit "$code"
  }
  trap finish EXIT
else
  state=${3:?STATE-DIRECTORY}
  finish() {
    local code=$?
    trap - EXIT
    exec >&3 2>&4
    [ "$code" = 0 ] || "$here/down.sh" "$state"
    exit "$code"
  }
fi
trap 'exit 130' INT
trap 'exit 143' TERM

say "Starting a control plane on loopback"
BIN=$bin "$here/up.sh" "$state" 3>&- 4>&-
[ "$mode" = demo ] || trap finish EXIT
state=$(cd "$state" && pwd)
# kubectl finds its plugin there.
tools=$target:$bin
export KUBECONFIG=$state/admin.kubeconfig PATH=$tools:$PATH
export HELM_CACHE_HOME=$state/helm/cache HELM_CONFIG_HOME=$state/helm/config HELM_DATA_HOME=$state/helm/data

say "Installing the operator's chart (its Pod runs here, as a program, with the ServiceAccount that the chart created)"
"$here/install-operator.sh" "$state" flashjob-system --set flashPod.engine="$engine"
show helm list --namespace flashjob-system

say "Starting the operator (engine: $engine) and $devices simulated devices"
http_port=$(awk 'NR == 4 {print $1 + 1}' "$state/ports")
KUBECONFIG=$state/operator.kubeconfig POD_NAMESPACE=flashjob-system POD_NAME=local \
  launch "$state" operator "$target/flashjob-operator" run --engine "$engine" --lease-namespace flashjob-system \
  --flash-pod-values-configmap flashjob-operator-flash-pod-values --http-address "127.0.0.1:$http_port" --log-format text
# The refused device shows what exit code 0 is worth.
KUBECONFIG=$state/fleet.kubeconfig launch "$state" fleet "$target/fleet" --devices "$devices" \
  --namespace "$namespace" --flash-seconds 4 --address-delay-seconds 1 --reboot-seconds 3 \
  --refused-share "$(awk "BEGIN {print 1 / $devices}")" \
  --print-expected "$state/expected.json" --journal "$state/journal.json" \
  --log-directory "$state/pod-logs"
await "$state" fleet 60 "ready fleet" grep -q "the fleet is ready" "$state/fleet.log"
runs "$state" operator || await "$state" operator 0 "operator" false

# Of the kubeconfig the console takes the API server's address alone; what somebody may do by it, their token says.
console=127.0.0.1:$((http_port + 1))
launch "$state" console "$target/flashjob-console" --kubeconfig "$KUBECONFIG" --listen "$console"
await "$state" console 30 "answer of the console" bash -c ": >/dev/tcp/${console/://}"
kubectl create serviceaccount visitor --namespace "$namespace" >/dev/null
for role in user editor approver; do
  kubectl create rolebinding "visitor-$role" --namespace "$namespace" --clusterrole "flashjob-$role" \
    --serviceaccount "$namespace:visitor" >/dev/null
done
token=$(kubectl create token visitor --namespace "$namespace" --duration=24h)
show_console() {
  say "The console: http://$console/ for people, http://$console/docs/ for programs. Sign in with this token:"
  echo "$token"
}
[ "$mode" = up ] || show_console

say "The devices"
show kubectl get instances --namespace "$namespace"
# The sample, but for all of the devices that are here now: their uids are the API server's.
uuids=$(kubectl get instances --namespace "$namespace" -o 'jsonpath={range .items[*]}"{.metadata.uid}",{end}')
kubectl patch --local --filename deploy/samples/flashjob.yaml --type merge --output yaml \
  --patch "{\"spec\": {\"uuid\": [${uuids%,}], \"parallelism\": $(((devices + 1) / 2))}}" >"$state/job.yaml"

if [ "$mode" = up ]; then
  say "Running. To use it from another shell:"
  printf '  export KUBECONFIG=%s\n  export PATH=%s:$PATH\n' "$KUBECONFIG" "$tools"
  say "deploy/samples/flashjob.yaml with the uids of all devices, and where the logs are:"
  printf '  kubectl apply --server-side -f %s\n  kubectl flashjob get -n %s %s -w\n  tail -f %s/operator.log\n' "$state/job.yaml" "$namespace" "$job" "$state"
  show_console
  say "Stop it with: make down"
  exit 0
fi

get() { kubectl get flashjob "$job" --namespace "$namespace" -o "jsonpath=$1"; }
in_flight() { [ "$(get '{.status.counts.inFlight}')" -gt 0 ]; }
flashing() { [ "$(kubectl get pods --namespace "$namespace" -o name | wc -l)" -gt 1 ]; }
returned() { [ "$(kubectl get instances --namespace "$namespace" -o name | wc -l)" = "$devices" ]; }
remains() { kubectl get pods,services,secrets,controllerrevisions --namespace "$namespace" -o name | grep -vx 'service/kubernetes' || true; }
cleared() { [ -z "$(remains)" ]; }
finished() { [ "$(get '{.status.conditions[?(@.type=="Finished")].status}')" = True ]; }

say "Applying deploy/samples/flashjob.yaml, with the uids of all of them"
show cat "$state/job.yaml"
show kubectl apply --server-side -f "$state/job.yaml"

say "While devices are in flight"
await "$state" operator 60 "device in flight" in_flight
await "$state" operator 60 "flash pod" flashing
show kubectl get flashjob "$job" --namespace "$namespace" -o wide
show helm list --namespace "$namespace"
show kubectl get services,pods --namespace "$namespace"
show kubectl flashjob get "$job" --namespace "$namespace"

say "Live, until it has finished: without the pipe the tree is drawn anew as it changes"
# Exit code 1: a device failed, which is what this demo shows.
show kubectl flashjob get "$job" --namespace "$namespace" --watch | cat || [ $? = 1 ]

say "When it has finished"
await "$state" operator 180 "end of the FlashJob" finished
show kubectl get flashjob "$job" --namespace "$namespace" -o wide
await "$state" fleet 60 "return of all devices" returned
show kubectl get instances --namespace "$namespace"
get '{range .status.devices[*]}{.phase}{"\t"}{.reason}{"\t"}{.uuid}{"\n"}{end}' | sort
say "Verdicts: $(get '{.status.counts.succeeded}') succeeded, $(get '{.status.counts.failed}') failed, of $(get '{.status.counts.selected}')"
expected=$(grep -c '"verdict": "Succeeded"' "$state/expected.json")
if [ "$(get '{.status.counts.succeeded}')" != "$expected" ]; then
  echo "The simulated devices say that $expected succeeded." >&2
  exit 1
fi
echo "The simulated devices say the same. A refused device stays listed by helm as failed until its job is deleted:"
show helm list --namespace "$namespace"

say "Deleting the FlashJob leaves nothing behind"
show kubectl delete flashjob "$job" --namespace "$namespace" --timeout=60s
# Kubernetes collects what the job owned a moment later.
await "$state" operator 30 "empty namespace" cleared
show kubectl get pods,secrets,controllerrevisions --namespace "$namespace"
show kubectl get services --namespace "$namespace"
[ -z "$(remains)" ] || { echo "left behind: $(remains)" >&2; exit 1; }
