# shellcheck shell=bash
# Sourced by up.sh for NODE=real: containerd, kubelet and kube-proxy beside the control plane, in what enclosed.sh made.
# Pods have addresses of 192.0.2.0/24; devices, and the node towards them, of 198.51.100.0/24.

node_address=198.51.100.1
socket=/run/containerd/containerd.sock

# start_real_node DIRECTORY: in the state directory, with $bin and kubectl.
start_real_node() {
  local directory=$1
  if [ -z "${FLASHJOB_ENCLOSED:-}" ]; then
    echo "NODE=real needs a machine of its own: run this by $here/enclosed.sh" >&2
    return 1
  fi
  mkdir -p cni
  write_node_configuration "$directory"
  launch . containerd containerd --config containerd.toml
  await . containerd 30 "answer of containerd" ctr --address "$socket" version
  "$bin/oci-image" flash.test/pause:1 pause.tar "$bin/pause"
  ctr --address "$socket" --namespace k8s.io images import pause.tar >/dev/null
  launch . kubelet "$bin/kubelet" --config kubelet.yaml --kubeconfig kubelet.kubeconfig --hostname-override flash-node \
    --node-ip "$node_address" --node-labels=kubernetes.io/os=linux --root-dir /var/lib/kubelet --v 2
  launch . kube-proxy "$bin/kube-proxy" --config kube-proxy.yaml
  await . kubelet 60 "ready node" kubectl wait --for=condition=Ready node/flash-node --timeout=1s
  runs . kube-proxy || await . kube-proxy 0 "kube-proxy" false
}

write_node_configuration() {
  local directory=$1 controller
  # cgroup v1 has a tree for each controller.
  for controller in /sys/fs/cgroup/*/; do
    [ -e "$controller/cgroup.procs" ] && mkdir -p "$controller/$FLASHJOB_ENCLOSED"
  done
  # A new group of processors has none until it is told.
  local sets=/sys/fs/cgroup/cpuset
  if [ -e $sets/cpuset.cpus ]; then
    cat $sets/cpuset.cpus >"$sets/$FLASHJOB_ENCLOSED/cpuset.cpus"
    cat $sets/cpuset.mems >"$sets/$FLASHJOB_ENCLOSED/cpuset.mems"
  fi
  cat >containerd.toml <<C
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "flash.test/pause:1"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "$directory/registries"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$directory/cni"
C
  cat >cni/10-pods.conflist <<C
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "192.0.2.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
C
  cat >kubelet.yaml <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_address
readOnlyPort: 0
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: $directory/ca.crt}
authorization: {mode: AlwaysAllow}
tlsCertFile: $directory/server.crt
tlsPrivateKeyFile: $directory/server.key
containerRuntimeEndpoint: unix://$socket
cgroupDriver: cgroupfs
cgroupRoot: /$FLASHJOB_ENCLOSED
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {}
resolvConf: ""
clusterDomain: cluster.local
clusterDNS: [$node_address]
serializeImagePulls: false
C
  cat >kube-proxy.yaml <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clientConnection: {kubeconfig: $directory/kube-proxy.kubeconfig}
hostnameOverride: flash-node
clusterCIDR: 192.0.2.0/24
# The machine's, which nothing in here may change.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
C
}
