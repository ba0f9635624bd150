import { describe, expect, it } from 'vitest';
import { aHeldReplica, anAdmit, aServing } from '../../test/support/builders.ts';
import type { HeldReplica, ModelServing } from '../api/index.ts';
import { evaluate, type ServingContext } from './evaluate.ts';
import type { ReplicaView } from './observe.ts';
import { admittedStatus, deriveStatus, type Sight } from './status.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const context: ServingContext = { queue: 'default', priority: 0, declared: [], excluded: [] };
const facts = {
  accelerators: [
    { type: 'H100', resourceName: 'nvidia.com/gpu', nodeSelector: {}, boardWatts: 700, gpuHourMicros: 1e6 },
  ],
  currency: 'CNY',
  timezone: 'Asia/Shanghai',
  tariff: [{ months: [], hours: [], pricePerKWhMicros: 400_000 }],
  puePermille: 1000,
  gramsPerKWh: 500,
  greenPowerPermille: 0,
  nodeOverheadWatts: 0,
};

const sightOf = (serving: ModelServing, over: Partial<Sight> = {}): Sight => ({
  nowMs: T0 + 60_000,
  evaluation: evaluate(serving, context),
  honoured: { type: 'SpecHonoured', status: 'True', reason: 'Honoured', message: 'ok' },
  view: () => undefined,
  rollout: { ends: new Map() },
  gone: new Set(),
  region: (cluster) => cluster,
  meter: () => ({ facts, holding: { accelerator: 'H100', gpus: 8, nodeShare: 1 } }),
  unreachable: new Map(),
  avoidMs: 600_000,
  ...over,
});
const step = (serving: ModelServing, over: Partial<Sight> = {}): ModelServing => ({
  ...serving,
  status: deriveStatus(serving, sightOf(serving, over)),
});

function admitted(serving = step(aServing()), replicas = [0, 1]): ModelServing {
  const evaluation = evaluate(serving, context);
  const admits = replicas.map((replica) => {
    const workload = evaluation.workloadOf?.(replica);
    if (workload === undefined) throw new Error('nothing to admit');
    return anAdmit(workload, { nodes: [`gpu-${replica + 1}`] });
  });
  return { ...serving, status: admittedStatus(serving, admits, evaluation, 7, 'team', T0 + 10_000) };
}

const up =
  (serving: ModelServing, over: Partial<ReplicaView> = {}) =>
  (): ReplicaView => ({
    placed: true,
    ready: true,
    revision: evaluate(serving, context).revision,
    ...over,
  });
const ready = (serving = admitted()): ModelServing => step(serving, { view: up(serving) });
const condition = (serving: ModelServing, type: string) =>
  serving.status?.conditions?.find((entry) => entry.type === type);

describe('the status of a serving', () => {
  it('goes Queued, Loading, Ready, with a record for every replica', () => {
    const queued = step(aServing(), { waiting: { reason: 'InsufficientGPU', message: 'short 8' } });
    expect(queued.status).toMatchObject({ phase: 'Queued', replicas: 0, display: { ready: '0/2', gpus: '0/16' } });
    expect(condition(queued, 'Admitted')).toMatchObject({
      reason: 'InsufficientGPU',
      message: '0 of 2 replicas hold nodes; the next: short 8',
    });
    const loading = admitted(queued);
    expect(loading.status).toMatchObject({
      phase: 'Loading',
      attempt: 2,
      tenant: 'team',
      admissions: [
        { replica: 0, attempt: 1, epoch: 7, assignment: 'gpu-1:1' },
        { replica: 1, attempt: 2 },
      ],
      placement: { gpus: 16, nodeCount: 2, nodes: ['gpu-1', 'gpu-2'] },
    });
    const done = ready(loading);
    expect(done.status).toMatchObject({
      phase: 'Ready',
      readyReplicas: 2,
      updatedReplicas: 2,
      url: 'http://chat.team.svc:8000',
    });
    for (const type of ['Admitted', 'Placed', 'Ready']) expect(condition(done, type)?.status).toBe('True');
    expect(step(done, { view: up(done), nowMs: T0 + 70_000 }).status).toEqual(done.status);
  });

  it('is Degraded while it answers with fewer, and names a cause', () => {
    const done = ready();
    const view = ({ replica }: HeldReplica) =>
      replica === 0 ? up(done)() : up(done, { ready: false, message: 'pod chat-2-x waits' })();
    const degraded = step(done, { view });
    expect(degraded.status?.phase).toBe('Degraded');
    expect(condition(degraded, 'Ready')?.message).toBe('1 of 2 replicas ready: pod chat-2-x waits');
  });

  it('keeps what was last seen while a region does not answer, and says since whom it does not know', () => {
    const silent = step(ready(), { unreachable: new Map([['guian', 'guian does not answer']]) });
    expect(silent.status).toMatchObject({ phase: 'Ready', readyReplicas: 2 });
    expect(condition(silent, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'ClusterUnreachable' });
  });

  it('holds the nodes of a replica until it is gone, and closes its bill then', () => {
    const done = ready();
    const end = { reason: 'ScaledDown' as const, message: 'spec.replicas is 1', avoid: [] };
    const fewer: ModelServing = { ...done, spec: { ...done.spec, replicas: 1 } };
    const ending = step(fewer, { view: up(done), rollout: { ends: new Map([[1, end]]) } });
    expect(ending.status?.admissions?.[1]?.ending).toMatchObject({ reason: 'ScaledDown' });
    expect(ending.status).toMatchObject({ replicas: 2, readyReplicas: 1 });
    const gone = step(ending, { view: up(done), gone: new Set([1]), nowMs: T0 + 3_610_000 });
    expect(gone.status).toMatchObject({ phase: 'Ready', replicas: 1, placement: { gpus: 8, nodes: ['gpu-1'] } });
    // Two replicas of eight boards, one hour.
    expect(gone.status?.usage).toMatchObject({ gpuSeconds: 57_600, facilityJoules: 40_320_000, currency: 'CNY' });
  });

  it('remembers nodes that a replica was lost on', () => {
    const done = ready();
    const end = {
      reason: 'NodeLost' as const,
      message: 'lost',
      avoid: [{ node: 'gpu-1', reason: 'NodeLost' as const, bootId: 'b' }],
    };
    const lost = step(done, { view: up(done), rollout: { ends: new Map([[0, end]]) } });
    expect(lost.status?.avoid).toEqual([{ cluster: 'guian', node: 'gpu-1', reason: 'NodeLost', bootId: 'b' }]);
  });

  it('leads to the region with most ready replicas first', () => {
    const base = admitted();
    const spread: ModelServing = {
      ...base,
      status: {
        ...base.status,
        admissions: [0, 1, 2].map((replica) => aHeldReplica(replica, { cluster: replica === 0 ? 'guian' : 'east' })),
      },
    };
    const done = step(spread, { view: up(spread) });
    expect(done.status?.addresses?.map(({ region }) => region)).toEqual(['east', 'guian']);
  });

  it('is Updating while replicas of an older spec run', () => {
    const done = ready();
    const view = ({ replica }: HeldReplica) => (replica === 0 ? up(done)() : up(done, { revision: 'old' })());
    const updating = step(done, { view, rollout: { ends: new Map(), rolling: 1 } });
    expect(updating.status).toMatchObject({ phase: 'Updating', updatedReplicas: 1, rollingReplica: 1 });
    expect(condition(updating, 'Ready')?.message).toBe('2 of 2 replicas ready, 1 of the present spec');
  });

  it('says that nothing answers when scaled to zero or suspended', () => {
    const zero = step(aServing({ spec: { replicas: 0 } }));
    expect(zero.status?.phase).toBe('ScaledToZero');
    expect(condition(zero, 'Ready')?.reason).toBe('ScaledToZero');
    const suspended = step(aServing({ spec: { suspend: true } }));
    expect(suspended.status?.phase).toBe('Suspended');
    expect(condition(suspended, 'Suspended')?.status).toBe('True');
  });
});

describe('what a serving asks for', () => {
  it('gives each pod the room of the larger of leader and worker', () => {
    const worker = { spec: { containers: [{ name: 'main', image: 'w', resources: { limits: { cpu: '16' } } }] } };
    const { request, problems } = evaluate(aServing({ spec: { nodesPerReplica: 2, worker } }), context);
    expect(problems).toEqual([]);
    expect(request).toMatchObject({ pods: 2, cpuMilli: 16_000 });
  });

  it('is scheduled by the class of its model', () => {
    const model = { uri: 's3://m', class: 'LLM' };
    expect(evaluate(aServing({ spec: { model } }), context).workloadOf?.(0).modelClass).toBe('LLM');
    expect(evaluate(aServing(), context).workloadOf?.(0).modelClass).toBe('Other');
  });

  it('refuses workers that ask for other nodes than the leader', () => {
    const worker = { spec: { nodeSelector: { a: 'b' }, containers: [{ name: 'main', image: 'w' }] } };
    const { problems, workloadOf } = evaluate(aServing({ spec: { nodesPerReplica: 2, worker } }), context);
    expect(problems[0]).toContain('spec.worker.spec.nodeSelector differs from spec.template.spec.nodeSelector');
    expect(workloadOf).toBeUndefined();
  });

  it('names each template’s own field where it is refused', () => {
    const worker = { spec: { hostPID: true, containers: [{ name: 'main', image: 'w' }] } };
    const { problems } = evaluate(aServing({ spec: { nodesPerReplica: 2, worker } }), context);
    expect(problems).toEqual(['spec.worker.spec.hostPID is refused: host namespaces are not given to workloads.']);
  });
});
