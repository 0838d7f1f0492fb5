#!/usr/bin/env bash
# The first process of what enclosed.sh makes: sets it up, runs the command, and ends with it; everything else in it then ends too.
set -uo pipefail
[ $$ = 1 ] || { echo "inside.sh is run by enclosed.sh" >&2; exit 2; }

# What programs of a node write outside of their own directories stays in here.
for folder in /run /var/log /var/lib/kubelet /var/lib/cni /var/lib/containerd /opt /usr/libexec; do
  mkdir -p "$folder" && mount -t tmpfs -o mode=755 enclosed "$folder"
done
# A mount of its own from the start: the first `ip netns add` makes it one, and would mount a second time what containerd has in it
# by then, so that those Pods could not be taken down.
mkdir -p /run/netns
mount --bind /run/netns /run/netns
mount --make-shared /run/netns
# The kubelet sets these for the whole machine unless they have the value already.
while read -r name value; do
  echo "$value" >"/run/${name//\//-}" && mount --bind "/run/${name//\//-}" "/proc/sys/$name"
done <<'S'
vm/overcommit_memory 1
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
S

# The network of devices, in which the node has an address.
ip link set lo up
ip link add lan0 type bridge
ip address add 198.51.100.1/24 dev lan0
ip link set lan0 up
echo 1 >/proc/sys/net/ipv4/ip_forward

"$@" <&0 &
command=$!
trap 'kill -TERM $command 2>/dev/null' TERM
while :; do
  wait "$command"
  code=$?
  kill -0 "$command" 2>/dev/null || exit "$code"
done
