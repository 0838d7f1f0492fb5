#!/usr/bin/env bash
# Starts a control plane on loopback: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and kwok playing one
# node. All ports are free ones, so that any number of them can run beside each other.
#   usage: up.sh STATE-DIRECTORY      (made anew; writes admin.kubeconfig, audit.log, pids and a log per program into it)
#   AUDIT_BODIES=1: the audit log holds what was written, too, for an auditor; costs the API server time and disk.
#   NODE=real: the node is a kubelet with containerd and kube-proxy instead of kwok; runs in what enclosed.sh makes, as root.
#   OWNER_PID: everything stops within seconds of that process's end, however it ended; unset: down.sh stops it.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=real-node.sh
. "$here/real-node.sh"
node=${NODE:-kwok}
case $node in
  kwok | real) ;;
  *) echo "NODE=$node: expected kwok or real" >&2; exit 2 ;;
esac
[ $# -eq 1 ] || { echo "usage: up.sh STATE-DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)

if [ -e "$directory/pids" ]; then
  while read -r name pid at; do
    if alive "$pid" "$at"; then
      echo "a control plane runs in $directory already ($name, pid $pid): stop it with $here/down.sh $directory" >&2
      exit 1
    fi
  done <"$directory/pids"
  # The file pids proves that the directory is ours to empty.
  find "$directory" -mindepth 1 -delete
elif [ -n "$(ls -A "$directory")" ]; then
  echo "$directory holds other files: name a directory that is empty or new" >&2
  exit 1
fi

bin=${BIN:-$("$here/build.sh" etcd kubernetes "${node/real/node}")}
certs=$(dirname "$bin")/certs-$(cat "$here"/certs/* | sha256sum | cut -c1-16)
if [ ! -x "$certs" ]; then
  (cd "$here/certs" && CGO_ENABLED=0 go build -o "$certs.$$" . && mv "$certs.$$" "$certs")
fi

: >"$directory/pids"
trap 'code=$?; trap - EXIT; [ $code -eq 0 ] || "$here/down.sh" "$directory"; exit $code' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -n "${OWNER_PID:-}" ]; then
  setsid "$here/watchdog.sh" "$directory" "$OWNER_PID" $$ </dev/null >"$directory/watchdog.log" 2>&1 &
  echo $! >"$directory/watchdog.pid"
fi

cd "$directory"
"$certs" . 3 >ports
{ read -r api_port; read -r etcd_port; read -r etcd_peer_port; read -r kwok_port; } <ports
sed "s/@KUBELET_PORT@/$kwok_port/" "$here/stages.yaml" >stages.yaml
if [ -n "${AUDIT_BODIES:-}" ]; then
  sed "/^rules:/r $here/audit-bodies.yaml" "$here/audit-policy.yaml" >audit-policy.yaml
else
  cp "$here/audit-policy.yaml" .
fi
kubectl() { "$bin/kubectl" --kubeconfig admin.kubeconfig "$@"; }
# Programs beside it reach the API server on loopback; Pods that really run, by the Service `kubernetes` at the address of the node.
bind=127.0.0.1 advertise=127.0.0.1 endpoints=none
[ "$node" = kwok ] || bind=0.0.0.0 advertise=$node_address endpoints=lease

# start_kwok: a node that kwok keeps ready.
start_kwok() {
  kubectl create -f "$here/node.yaml" >/dev/null
  kubectl wait --for=condition=Established crd/logs.kwok.x-k8s.io --timeout=30s >/dev/null
  local -a kwok=("$bin/kwok" --kubeconfig kwok.kubeconfig --manage-all-nodes --config stages.yaml --enable-crds=Logs
    --server-address "127.0.0.1:$kwok_port" --node-port "$kwok_port" --node-lease-duration-seconds 0
    --tls-cert-file server.crt --tls-private-key-file server.key)
  local -a ready=(. kwok 60 "ready node" kubectl wait --for=condition=Ready node/flash-node --timeout=1s)
  launch . kwok "${kwok[@]}"
  await "${ready[@]}" && return
  # kwok 0.8.0 makes the environment of its expressions in several goroutines at once, and now and then dies of that when it starts.
  ! runs . kwok || return 1
  echo "starting kwok once more" >&2
  launch . kwok "${kwok[@]}"
  await "${ready[@]}"
}

# The data is gone when the control plane stops: nothing needs to reach the disk.
launch . etcd "$bin/etcd" --data-dir etcd --unsafe-no-fsync --quota-backend-bytes 4294967296 \
  --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
  --listen-peer-urls "http://127.0.0.1:$etcd_peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer_port" \
  --initial-cluster "default=http://127.0.0.1:$etcd_peer_port"
launch . kube-apiserver "$bin/kube-apiserver" --etcd-servers="http://127.0.0.1:$etcd_port" \
  --secure-port="$api_port" --bind-address="$bind" --advertise-address="$advertise" --endpoint-reconciler-type="$endpoints" \
  --tls-cert-file=server.crt --tls-private-key-file=server.key --client-ca-file=ca.crt \
  --kubelet-client-certificate=admin.crt --kubelet-client-key=admin.key --kubelet-preferred-address-types=InternalIP \
  --service-account-key-file=tokens.key --service-account-signing-key-file=tokens.key \
  --service-account-issuer=https://kubernetes.default.svc --service-cluster-ip-range=10.96.0.0/12 \
  --authorization-mode=Node,RBAC --allow-privileged=true \
  --enable-admission-plugins=OwnerReferencesPermissionEnforcement \
  --audit-policy-file=audit-policy.yaml --audit-log-path=audit.log --audit-log-maxsize=100000
await . kube-apiserver 60 "answer of the API server" kubectl get --raw /readyz

# A node that nobody heartbeats for a day is still a node: kwok holds no leases here.
launch . kube-controller-manager "$bin/kube-controller-manager" --kubeconfig=controller-manager.kubeconfig \
  --authentication-kubeconfig=controller-manager.kubeconfig --authorization-kubeconfig=controller-manager.kubeconfig \
  --service-account-private-key-file=tokens.key --root-ca-file=ca.crt --use-service-account-credentials \
  --secure-port=0 --leader-elect=false --controllers='*,-node-ipam-controller,-node-route-controller' \
  --node-monitor-grace-period=24h --kube-api-qps=300 --kube-api-burst=600
launch . kube-scheduler "$bin/kube-scheduler" --kubeconfig=scheduler.kubeconfig \
  --authentication-kubeconfig=scheduler.kubeconfig --authorization-kubeconfig=scheduler.kubeconfig \
  --secure-port=0 --leader-elect=false --kube-api-qps=300 --kube-api-burst=600
if [ "$node" = real ]; then
  start_real_node "$directory"
else
  start_kwok
fi
await . kube-controller-manager 60 "default ServiceAccount" kubectl get serviceaccount default
runs . kube-scheduler || await . kube-scheduler 0 "scheduler" false
echo "$directory/admin.kubeconfig"
