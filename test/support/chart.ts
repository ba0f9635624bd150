import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { resolveBinaries } from '../../deploy/local/binaries/resolve.ts';
import type { LocalCluster } from '../../deploy/local/environment.ts';
import { type OperatorProcess, startOperatorProcess } from '../../deploy/local/start/operator-process.ts';
import type { KubeObject } from '../../src/kube/resource.ts';

const root = join(import.meta.dirname, '..', '..');

/** A manifest of any kind. */
export interface Manifest extends KubeObject {
  readonly [field: string]: unknown;
}

/** A folder with the chart in it, where the commands of docs/install.md run with helm and kubectl on the path. */
export interface Shell {
  readonly folder: string;
  /** Runs a command for a cluster. Rejects with all it said when its exit code is not 0. */
  sh(command: string, cluster?: LocalCluster, input?: string): Promise<string>;
  /** Runs the block of docs/install.md that begins with this comment. */
  documented(title: string, cluster: LocalCluster): Promise<string>;
  /** `helm template` of our chart, parsed. */
  render(...args: string[]): Promise<Manifest[]>;
  /** What the release in a cluster has made there, but for its hooks. */
  installed(cluster: LocalCluster): Promise<Manifest[]>;
  remove(): Promise<void>;
}

export async function openShell(): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), 'aidc-chart-'));
  const programs = await resolveBinaries(['helm', 'kubectl']);
  await Promise.all([
    symlink(join(root, 'charts'), join(folder, 'charts')),
    symlink(programs.helm, join(folder, 'helm')),
    symlink(programs.kubectl, join(folder, 'kubectl')),
  ]);
  const environment = {
    ...process.env,
    PATH: `${folder}:${process.env.PATH ?? ''}`,
    // Nothing of the machine's own helm.
    HELM_CACHE_HOME: join(folder, '.cache'),
    HELM_CONFIG_HOME: join(folder, '.config'),
    HELM_DATA_HOME: join(folder, '.data'),
  };
  const sh = (command: string, cluster?: LocalCluster, input = ''): Promise<string> =>
    run(command, folder, { ...environment, KUBECONFIG: cluster?.kubeconfigPath ?? '/dev/null' }, input);
  return {
    folder,
    sh,
    documented: async (title, cluster) => sh(await block('sh', `# ${title}\n`), cluster),
    render: async (...args) =>
      // A helm built from its module takes itself to talk to Kubernetes 1.20: the version must be said.
      manifests(await sh(`helm template aidc-operator charts/aidc-operator --kube-version 1.36.0 ${args.join(' ')}`)),
    installed: async (cluster) => manifests(await sh('helm get manifest aidc-operator -n aidc-system', cluster)),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function run(command: string, cwd: string, env: NodeJS.ProcessEnv, input: string): Promise<string> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', command], { cwd, env, stdio: 'pipe' });
  let said = '';
  let wrong = '';
  child.stdout.on('data', (data) => {
    said += data;
  });
  child.stderr.on('data', (data) => {
    wrong += data;
  });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`exit code ${code} of ${command}\n${said}${wrong}`);
  return said;
}

/** The one fence of docs/install.md in this language that begins so. */
export async function block(language: string, begin: string): Promise<string> {
  const text = await readFile(join(root, 'docs', 'install.md'), 'utf8');
  const fences = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language && match[2]?.startsWith(begin))
    .map((match) => match[2] ?? '');
  if (fences.length !== 1) throw new Error(`${fences.length} blocks of docs/install.md begin with ${begin}`);
  return fences[0] ?? '';
}

export function manifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw new Error(document.errors[0]?.message);
      return document.toJS() as Manifest | null;
    })
    .filter((object) => object !== null);
}

interface PodTemplate {
  readonly metadata: object;
  readonly spec: {
    readonly containers: readonly {
      readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
    }[];
  };
}

/** The operator's pod, as the chart's Deployment makes it. */
export function deployedPod(objects: readonly Manifest[]): PodTemplate {
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) throw new Error('the chart has no Deployment');
  return (deployment.spec as { template: PodTemplate }).template;
}

/** Variables of the operator's container as its pod would get them. */
export function operatorEnvironment(objects: readonly Manifest[], pod: string, namespace: string) {
  const { containers } = deployedPod(objects).spec;
  const fields: Record<string, string> = { 'metadata.name': pod, 'metadata.namespace': namespace };
  return Object.fromEntries(
    (containers[0]?.env ?? []).map(({ name, value, valueFrom }) => {
      const path = (valueFrom as { fieldRef?: { fieldPath: string } } | undefined)?.fieldRef?.fieldPath ?? '';
      return [name, value ?? fields[path] ?? ''];
    }),
  );
}

/** The operator as Deployment and account of the installed release make it, but for these variables. */
export async function startOperatorOf(
  shell: Shell,
  cluster: LocalCluster,
  over: Readonly<Record<string, string>> = {},
): Promise<OperatorProcess> {
  return startOperatorProcess({
    program: join(root, 'dist', 'main.js'),
    kubeconfigPath: await kubeconfigOf(shell, cluster, 'aidc-operator'),
    dir: await mkdtemp(join(shell.folder, 'operator-')),
    env: { ...operatorEnvironment(await shell.installed(cluster), 'aidc-operator-0', 'aidc-system'), ...over },
  });
}

/** A kubeconfig with a token of a service account, as its pod would have it; nothing else is in it. */
export async function kubeconfigOf(shell: Shell, cluster: LocalCluster, account: string): Promise<string> {
  const token = (await shell.sh(`kubectl create token ${account} -n aidc-system --duration=2h`, cluster)).trim();
  const path = `${account}-${cluster.name}.kubeconfig`;
  await shell.sh(
    `umask 077; kubectl config view --raw --minify > ${path} && export KUBECONFIG=${path} &&
     kubectl config unset users && kubectl config set-credentials pod --token=$(cat) &&
     kubectl config set-context --current --user=pod`,
    cluster,
    token,
  );
  return join(shell.folder, path);
}
