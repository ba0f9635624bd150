#!/usr/bin/env bash
# Removes what up.sh has made.
set -euo pipefail
home=${AIDC_KIND_HOME:-$HOME/.kube/aidc-kind}
for cluster in hub guian shanghai-lingang zhongwei; do
  kind delete cluster --name "aidc-$cluster"
  rm -f "$home/$cluster.kubeconfig" "$home/$cluster.internal"
done
