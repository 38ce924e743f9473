#!/usr/bin/env bash
# PID 1 of a node of the hermetic cluster: `unshare … bash node.sh NAME CLUSTER_FOLDER`, in network, mount, PID and UTS namespaces
# of its own. It prepares the mounts, says so on standard output, and then only waits: everything else on the node is
# started into these namespaces from outside, ends up as its child, is reaped here, and ends when it does.
set -eu
name=$1 cluster=$2

mount --make-rprivate /
# Sockets, locks, network namespaces and mounts of the container runtime: gone with the node, like a reboot.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lock /run/netns
# The kubelet and the CNI write to fixed places: container logs go to the node's folder, the little in /var/lib is
# forgotten with the node. The cluster's folder stays what it is, also when it lies below /var/lib.
mkdir -p "$cluster/$name/logs/containers" /run/var/{upper,work} /run/cluster
mount --bind "$cluster/$name/logs/containers" /var/log
mount --bind "$cluster" /run/cluster
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/var/upper,workdir=/run/var/work overlay /var/lib
mount --bind /run/cluster "$cluster"
hostname "$name"
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0

echo ready
exec >/dev/null
trap 'exit 0' TERM INT
while :; do
  sleep 2147483647 &
  wait $! || true
done
