/** The programs of the local environment: which version, where they are released, how they are built. */

export const KUBERNETES_VERSION = 'v1.36.3';
export const ETCD_VERSION = 'v3.6.8';
export const KWOK_VERSION = 'v0.8.0';
export const HELM_VERSION = 'v3.22.0';

export type BinaryName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubectl'
  | 'kwok'
  | 'helm';

/** All a region needs; helm is asked for by name where a chart is installed. */
export const CONTROL_PLANE: readonly BinaryName[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kwok',
];

export interface Platform {
  os: string;
  arch: string;
}

/** Go's names for this machine: releases and caches are keyed by them. */
export function thisPlatform(): Platform {
  return { os: process.platform === 'win32' ? 'windows' : process.platform, arch: goArch(process.arch) };
}

function goArch(arch: string): string {
  return { x64: 'amd64', arm64: 'arm64' }[arch] ?? arch;
}

/** One published file and how its checksum is known. */
export interface Release {
  url: string;
  checksum: ChecksumSource;
  /** The path of the program inside a .tar.gz; absent when the file itself is the program. */
  member?: string;
}

/**
 * - `file`: a text file with the digest, alone or in lines of `digest  name`;
 * - `github`: the digest that the release API reports of an asset;
 * - `envtest`: the index of the envtest releases, which also says where the archive is.
 */
export type ChecksumSource =
  | { from: 'file'; url: string; algorithm: 'sha256' | 'sha512' }
  | { from: 'github'; url: string; asset: string }
  | { from: 'envtest'; indexUrl: string; version: string };

/** A Go build; one link may serve several programs, told apart by the name they are started by. */
export interface Recipe {
  name: string;
  /** A package of our module in ./go, or an installable `path@version`. */
  target: { local: string } | { remote: string };
  ldflags: string[];
  provides: BinaryName[];
}

export interface Catalogued {
  /** The cache folder of this program's version, without platform. */
  version: string;
  release: (platform: Platform) => Release | undefined;
  recipe: Recipe;
}

const ENVTEST_INDEX = 'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml';

const versionPackage = 'k8s.io/component-base/version';
const [major, minor] = KUBERNETES_VERSION.slice(1).split('.');
const kubernetesFlags = [
  `-X ${versionPackage}.gitVersion=${KUBERNETES_VERSION}`,
  `-X ${versionPackage}.gitMajor=${major}`,
  `-X ${versionPackage}.gitMinor=${minor}`,
];

// Without a cluster, helm takes charts to be for this version; without these flags for 1.20.
const helmFlags = [
  `-X helm.sh/helm/v3/internal/version.version=${HELM_VERSION}`,
  `-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=${major}`,
  `-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=${minor}`,
  // The linter has its own idea.
  `-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=${major}`,
  `-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=${minor}`,
];

const kubernetesRecipe: Recipe = {
  name: 'kubernetes',
  target: { local: './kubernetes' },
  ldflags: kubernetesFlags,
  provides: ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'],
};

/** etcd, kube-apiserver and kubectl in one archive, for every platform that developers use. */
function envtestRelease(name: string): Release {
  return {
    url: ENVTEST_INDEX,
    checksum: { from: 'envtest', indexUrl: ENVTEST_INDEX, version: KUBERNETES_VERSION },
    member: name,
  };
}

/** The Kubernetes release site has the servers for Linux only: elsewhere they are built. */
function kubernetesRelease(name: string, { os, arch }: Platform): Release | undefined {
  if (os !== 'linux') return undefined;
  const url = `https://dl.k8s.io/${KUBERNETES_VERSION}/bin/${os}/${arch}/${name}`;
  return { url, checksum: { from: 'file', url: `${url}.sha256`, algorithm: 'sha256' } };
}

function kwokRelease({ os, arch }: Platform): Release {
  const asset = `kwok-${os}-${arch}`;
  return {
    url: `https://github.com/kubernetes-sigs/kwok/releases/download/${KWOK_VERSION}/${asset}`,
    checksum: {
      from: 'github',
      url: `https://api.github.com/repos/kubernetes-sigs/kwok/releases/tags/${KWOK_VERSION}`,
      asset,
    },
  };
}

function helmRelease({ os, arch }: Platform): Release {
  const url = `https://get.helm.sh/helm-${HELM_VERSION}-${os}-${arch}.tar.gz`;
  return { url, checksum: { from: 'file', url: `${url}.sha256sum`, algorithm: 'sha256' }, member: 'helm' };
}

export const CATALOGUE: Record<BinaryName, Catalogued> = {
  etcd: {
    version: `etcd-${ETCD_VERSION}`,
    release: () => envtestRelease('etcd'),
    recipe: { name: 'etcd', target: { local: './etcd' }, ldflags: [], provides: ['etcd'] },
  },
  'kube-apiserver': {
    version: `kubernetes-${KUBERNETES_VERSION}`,
    release: () => envtestRelease('kube-apiserver'),
    recipe: kubernetesRecipe,
  },
  'kube-controller-manager': {
    version: `kubernetes-${KUBERNETES_VERSION}`,
    release: (platform) => kubernetesRelease('kube-controller-manager', platform),
    recipe: kubernetesRecipe,
  },
  'kube-scheduler': {
    version: `kubernetes-${KUBERNETES_VERSION}`,
    release: (platform) => kubernetesRelease('kube-scheduler', platform),
    recipe: kubernetesRecipe,
  },
  kubectl: {
    version: `kubernetes-${KUBERNETES_VERSION}`,
    release: () => envtestRelease('kubectl'),
    recipe: { name: 'kubectl', target: { local: './kubectl' }, ldflags: kubernetesFlags, provides: ['kubectl'] },
  },
  kwok: {
    version: `kwok-${KWOK_VERSION}`,
    release: kwokRelease,
    recipe: {
      name: 'kwok',
      target: { remote: `sigs.k8s.io/kwok/cmd/kwok@${KWOK_VERSION}` },
      ldflags: [],
      provides: ['kwok'],
    },
  },
  helm: {
    version: `helm-${HELM_VERSION}`,
    release: helmRelease,
    recipe: {
      name: 'helm',
      target: { remote: `helm.sh/helm/v3/cmd/helm@${HELM_VERSION}` },
      ldflags: helmFlags,
      provides: ['helm'],
    },
  },
};
