/**
 * `npm run bench:admission [-- --json] [--workloads N]`: admissions a second. One-pod trainings in 10 queues are held
 * by stopPolicy, released at once, and counted by a watch when Admitted is True; with and without dispatch to a
 * member. Beside it, in the same run: bare status writes of the same content type and bytes through the same kind of
 * API server, at the best concurrency, which is what that server can do at all.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defineNodeGroup, startEnvironment } from '../../deploy/local/environment.ts';
import { startOperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import type { ModelTraining } from '../../src/api/index.ts';
import { QUEUES, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import type { KubeObject } from '../../src/kube/resource.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { noopLogger } from '../../src/runtime/logger.ts';
import { noopMetrics } from '../../src/runtime/metrics.ts';
import { applyAll, namespace, queue, setUpCentre } from '../support/hub.ts';

type Training = ModelTraining & KubeObject;

const root = join(import.meta.dirname, '..', '..');
const QUEUE_COUNT = 10;
const CONCURRENCIES = [10, 20, 40, 80];

interface Result {
  readonly admissionsPerSecond: number;
  readonly seconds: number;
  readonly bareWritesPerSecond: number;
  readonly bareConcurrency: number;
  readonly patchBytes: number;
  readonly ratio: number;
}

async function pool(count: number, concurrency: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

const nameOf = (index: number): { namespace: string; name: string } => ({
  namespace: `bench-${index % QUEUE_COUNT}`,
  name: `w-${index}`,
});

const training = (index: number): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelTraining',
  metadata: nameOf(index),
  spec: {
    model: { name: 'm' },
    queue: `q-${index % QUEUE_COUNT}`,
    accelerators: [{ type: 'H100', countPerNode: 1 }],
    trainer: {
      image: 'train:1',
      resourcesPerNode: { limits: { cpu: '1', memory: '1Gi' } },
      podTemplate: { metadata: { annotations: { 'sim.aidc.dev/run-for': '3600s' } } },
    },
  },
});

async function until(what: string, check: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function measure(workloads: number, dispatch: boolean, say: (line: string) => void): Promise<Result> {
  const nodes = Math.ceil(workloads / 8);
  const accelerator = { resource: 'nvidia.com/gpu', perNode: 8, labels: { gpu: 'h100' } };
  const region = { name: 'west', nodeGroups: [defineNodeGroup({ prefix: 'west', count: nodes, accelerator })] };
  const environment = await startEnvironment({ regions: [region], onProgress: say });
  try {
    const hub = await setUpCentre(environment);
    const operator = await startOperatorProcess({
      program: join(root, 'dist', 'main.js'),
      kubeconfigPath: environment.hub.kubeconfigPath,
      dir: environment.dir,
      env: { AIDC_CREATE_NAMESPACES: 'true', AIDC_REHEARSE: String(!dispatch), AIDC_LOG_LEVEL: 'warn' },
    });
    await untilReady(operator, 60_000);
    const admitted = await admitAll(hub, workloads, say);
    await operator.stop();
    const bare = await bareWrites(hub, workloads, say);
    await hub.close();
    return { ...admitted, ...bare, ratio: admitted.admissionsPerSecond / bare.bareWritesPerSecond };
  } finally {
    await environment.stop();
  }
}

async function admitAll(hub: KubeClient, workloads: number, say: (line: string) => void) {
  for (let index = 0; index < QUEUE_COUNT; index += 1) {
    await applyAll(hub, [
      namespace(`bench-${index}`),
      queue(`q-${index}`, { namespaceSelector: {}, stopPolicy: 'Hold', quota: [{ nominal: workloads }] }),
    ]);
  }
  let held = 0;
  let admitted = 0;
  let last = 0;
  const store = new Store<Training>();
  store.subscribe((event) => {
    if (event.type === 'deleted') return;
    const now = admittedOf(event.obj);
    const before = event.type === 'updated' ? admittedOf(event.old) : undefined;
    if (now?.reason === 'QueueHeld' && before?.reason !== 'QueueHeld') held += 1;
    if (now?.status === 'True' && before?.status !== 'True') {
      admitted += 1;
      last = performance.now();
    }
  });
  const stop = new AbortController();
  const options = { client: hub, logger: noopLogger, clock: systemClock, metrics: noopMetrics };
  const watching = new Reflector<Training>({ ...options, resource: TRAININGS, store }).run(stop.signal);
  await pool(workloads, 40, (index) =>
    hub.create(TRAININGS, { namespace: nameOf(index).namespace, body: training(index) }),
  );
  await until('all workloads held by their queue', () => held >= workloads, 300_000);
  say(`${workloads} workloads are held in ${QUEUE_COUNT} queues; releasing them`);
  const start = performance.now();
  await pool(QUEUE_COUNT, QUEUE_COUNT, (index) =>
    hub.mergePatch(QUEUES, { name: `q-${index}`, body: { spec: { stopPolicy: 'None' } } }),
  );
  await until('all workloads admitted', () => admitted >= workloads, 300_000);
  stop.abort();
  await watching;
  const seconds = (last - start) / 1000;
  return { admissionsPerSecond: workloads / seconds, seconds };
}

const admittedOf = (object: Training) => object.status?.conditions?.find((condition) => condition.type === 'Admitted');

/** The same patch that admitted a workload, again and again over all objects, with nobody else at work. */
async function bareWrites(hub: KubeClient, workloads: number, say: (line: string) => void) {
  const sample = await hub.get<Training>(TRAININGS, nameOf(0));
  const { admission, placement, conditions, phase, times, stateSince, display, attempt, tenant } = sample.status ?? {};
  const status = { admission, placement, conditions, phase, times, display, attempt, tenant };
  const patchBytes = JSON.stringify({
    metadata: { resourceVersion: '1000000' },
    status: { ...status, stateSince },
  }).length;
  let best = { bareWritesPerSecond: 0, bareConcurrency: 0 };
  let round = 0;
  for (const concurrency of CONCURRENCIES) {
    round += 1;
    // Another second each round, so that every write changes the object.
    const stamp = new Date(Date.UTC(2020, 0, 1, 0, 0, round)).toISOString().replace('.000', '');
    const body = { status: { ...status, stateSince: stamp } };
    const start = performance.now();
    await pool(workloads, concurrency, (index) =>
      hub.mergePatch(TRAININGS, { ...nameOf(index), subresource: 'status', body }),
    );
    const rate = workloads / ((performance.now() - start) / 1000);
    say(`bare status writes with ${concurrency} at once: ${rate.toFixed(0)}/s`);
    if (rate > best.bareWritesPerSecond) best = { bareWritesPerSecond: rate, bareConcurrency: concurrency };
  }
  return { ...best, patchBytes };
}

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, workloads: { type: 'string', default: '2000' } },
});
const workloads = Number(values.workloads);
const say = (line: string): void => {
  if (values.json !== true) console.log(line);
};
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
if (spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' }).status !== 0)
  process.exit(1);
const results = {
  decided: await measure(workloads, false, say),
  dispatched: await measure(workloads, true, say),
};
if (values.json === true) console.log(JSON.stringify({ workloads, ...results }));
else {
  for (const [name, result] of Object.entries(results)) {
    console.log(
      `${name.padEnd(10)} ${workloads} admissions in ${result.seconds.toFixed(2)} s: ${result.admissionsPerSecond.toFixed(0)}/s; bare writes of ${result.patchBytes} bytes ${result.bareWritesPerSecond.toFixed(0)}/s at ${result.bareConcurrency}; ratio ${(100 * result.ratio).toFixed(0)} %`,
    );
  }
}
