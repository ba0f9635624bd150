#!/usr/bin/env bash
# The centre of `npm start` as kind clusters: a hub and three regions in Docker. See docs/kind.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'TEXT'
usage: deploy/kind/up.sh [--gpu REGION] [--centre FILE]

  --gpu REGION   this region gets the GPUs of the host instead of simulated nodes
  --centre FILE  regions and nodes; default deploy/local/centre.yaml

Kubeconfigs are kept in AIDC_KIND_HOME (default ~/.kube/aidc-kind). Run again, it goes on where it ended.
TEXT
}

fail() {
  echo "up.sh: $1" >&2
  exit "${2:-1}"
}

gpu=''
centre=deploy/local/centre.yaml
while [ $# -gt 0 ]; do
  case $1 in
    --gpu) gpu=${2:?--gpu needs a region}; shift 2 ;;
    --centre) centre=${2:?--centre needs a file}; shift 2 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; fail "there is no option $1" 2 ;;
  esac
done
regions=(guian shanghai-lingang zhongwei)
if [ -n "$gpu" ] && [[ " ${regions[*]} " != *" $gpu "* ]]; then fail "--gpu: there is no region $gpu; it must be one of ${regions[*]}" 2; fi
for program in docker kind kubectl helm node; do
  command -v "$program" >/dev/null || fail "$program is not on the PATH"
done

home=${AIDC_KIND_HOME:-$HOME/.kube/aidc-kind}
image=aidc-operator:kind
built=image.repository=aidc-operator,image.tag=kind,image.pullPolicy=Never
umask 077
mkdir -p "$home"

say() { echo "--- $*"; }
# on CLUSTER COMMAND ...: runs it with the cluster's kubeconfig.
on() {
  local cluster=$1
  shift
  KUBECONFIG=$home/$cluster.kubeconfig "$@"
}

create() {
  local cluster=$1 config=$2
  if ! kind get clusters | grep -qx "aidc-$cluster"; then
    say "creating aidc-$cluster"
    kind create cluster --name "aidc-$cluster" --config "$config" --kubeconfig "$home/$cluster.kubeconfig" --wait 180s
  fi
  kind get kubeconfig --name "aidc-$cluster" >"$home/$cluster.kubeconfig"
}

install() {
  local cluster=$1
  shift
  on "$cluster" helm upgrade --install aidc-operator charts/aidc-operator --namespace aidc-system --create-namespace "$@"
}

simulated_nodes() {
  local region=$1
  on "$region" kubectl apply -f deploy/kind/kwok.yaml
  kubectl create configmap kwok-stages -n kwok-system --from-file=stages.yaml=deploy/local/stages.yaml --dry-run=client -o yaml |
    on "$region" kubectl apply -f -
  node deploy/tools/run.mjs node deploy/kind/nodes.ts "$region" "$centre" | on "$region" kubectl apply -f - >/dev/null
  on "$region" kubectl wait node -l sim.aidc.dev/simulated=true --for=condition=Ready --timeout=180s >/dev/null
}

# The worker is a container of Docker's NVIDIA runtime; inside of it containerd must know that runtime, too.
gpu_nodes() {
  local region=$1 worker=aidc-$1-worker product
  docker exec "$worker" bash -euc '
    command -v nvidia-ctk >/dev/null && exit 0
    apt-get update && apt-get install -y --no-install-recommends ca-certificates curl gpg
    curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | gpg --dearmor -o /usr/share/keyrings/nvidia.gpg
    echo "deb [signed-by=/usr/share/keyrings/nvidia.gpg] https://nvidia.github.io/libnvidia-container/stable/deb/$(dpkg --print-architecture) /" \
      >/etc/apt/sources.list.d/nvidia.list
    apt-get update && apt-get install -y --no-install-recommends nvidia-container-toolkit
    nvidia-ctk runtime configure --runtime=containerd --config-source=command
    systemctl restart containerd'
  product=$(docker exec "$worker" nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr ' ' '-')
  # It has the RuntimeClass that the agent names, too.
  on "$region" kubectl apply -f deploy/kind/nvidia-device-plugin.yaml
  # GPU feature discovery would set the last two; the agent comes to nodes with nvidia.com/gpu.present.
  on "$region" kubectl label node "$worker" --overwrite aidc.dev/gpu-host=true nvidia.com/gpu.present=true \
    "nvidia.com/gpu.product=$product"
  on "$region" kubectl rollout status -n kube-system daemonset/nvidia-device-plugin --timeout=300s
  on "$region" kubectl rollout status -n aidc-system daemonset/aidc-operator-agent --timeout=300s
  say "$region has $product: its RegionalCluster must have this product in a nodeSelector of spec.accelerators"
}

# A kubeconfig of the account that the chart made, with the address by which the hub's containers reach the region.
register() {
  local region=$1 server
  on "$region" kubectl wait secret/aidc-operator-member -n aidc-system --for=jsonpath='{.data.token}' --timeout=60s
  kind get kubeconfig --internal --name "aidc-$region" >"$home/$region.internal"
  server=$(kubectl --kubeconfig "$home/$region.internal" config view -o jsonpath='{.clusters[0].cluster.server}')
  rm "$home/$region.internal"
  on "$region" kubectl get secret aidc-operator-member -n aidc-system -o go-template='apiVersion: v1
kind: Config
current-context: member
contexts: [{name: member, context: {cluster: member, user: hub}}]
clusters: [{name: member, cluster: {server: "'"$server"'", certificate-authority-data: {{index .data "ca.crt"}}}}]
users: [{name: hub, user: {token: {{base64decode .data.token}}}}]
' | kubectl create secret generic "kubeconfig-$region" -n aidc-system --from-file=kubeconfig=/dev/stdin --dry-run=client -o yaml |
    on hub kubectl apply -f -
}

say "building the image $image"
docker build --quiet --tag "$image" .
create hub deploy/kind/hub.yaml
kind load docker-image "$image" --name aidc-hub
say 'installing the hub'
install hub --set "mode=hub,$built,config.createNamespaces=true"

for region in "${regions[@]}"; do
  if [ "$region" = "$gpu" ]; then create "$region" deploy/kind/region-gpu.yaml; else create "$region" deploy/kind/region.yaml; fi
  say "installing the region $region"
  if [ "$region" = "$gpu" ]; then
    kind load docker-image "$image" --name "aidc-$region"
    install "$region" --set "mode=member,$built,member.createNamespaces=true"
    gpu_nodes "$region"
  else
    # No agent: simulated nodes have no boards to measure.
    install "$region" --set mode=member,agent.enabled=false,member.createNamespaces=true
    simulated_nodes "$region"
  fi
  register "$region"
done

say 'queues and regions'
on hub kubectl apply -f deploy/samples/00-centre.yaml -f deploy/samples/01-regions.yaml
on hub kubectl wait regionalcluster --all --for=condition=Ready --timeout=300s
on hub kubectl get regionalcluster
say "ready: export KUBECONFIG=$home/hub.kubeconfig; deploy/kind/down.sh removes everything"
