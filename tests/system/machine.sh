#!/usr/bin/env bash
# One machine of the lab, from inside its namespaces: process 1, which ends with all that it started.
#
# machine.sh FOLDER NAME ADDRESS    FOLDER is the lab's; NAME is that of the machine.
set -euo pipefail
folder=$1 name=$2 address=$3
mine=$folder/$name

hostname "$name"
mount --make-rprivate /
# Every machine has its own home, at the same path, and its own temporary files of Ray.
mount --bind "$mine/home" "$folder/home"
mount --bind "$mine/ray" /tmp/ray
mount --bind "$mine/passwd" /etc/passwd
mount -t tmpfs -o size=1g tmpfs /dev/shm
mkdir -p /run/sshd

until ip link show eth0 >"$mine/link" 2>&1; do sleep 0.05; done
ip link set lo up
ip address add "$address/24" dev eth0
ip link set eth0 up

export HOME=$folder/home
cd "$HOME"
/usr/sbin/sshd -D -e -f "$mine/sshd_config" >"$mine/sshd.log" 2>&1 &
touch "$mine/ready"
# Process 1 is the parent of whatever loses its own, and the only one that can bury it.
while true; do wait -n || sleep 0.2; done
