import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aHeldReplica } from '../../test/support/builders.ts';
import type { HeldReplica } from '../api/index.ts';
import type { MemberPod, MemberReplica } from '../regions/index.ts';
import { type ReplicaSight, type ReplicaView, type RolloutInput, rollout, viewReplica } from './observe.ts';

const meta = (name: string, labels: Record<string, string> = {}) => ({
  ...{ name, namespace: 'team', uid: name, resourceVersion: '1', annotations: {} },
  labels,
});
const object = (revision = 'r1'): MemberReplica => ({
  metadata: meta('chat-1', { 'aidc.dev/revision': revision }),
  kind: 'Deployment',
  replicas: 1,
  readyReplicas: 1,
});
const pod = (over: Partial<MemberPod> = {}): MemberPod => ({
  metadata: meta('chat-1-x'),
  phase: 'Running',
  ready: true,
  gates: [],
  nodeName: 'gpu-1',
  requests: { cpuMilli: 0, memoryMi: 0, extended: {} },
  ...over,
});
const sight = (over: Partial<ReplicaSight> = {}): ReplicaSight => ({
  admission: aHeldReplica(0),
  pods: 1,
  wanted: 1,
  objects: [object()],
  members: [pod()],
  node: () => undefined,
  nodeUnwellMs: () => 0,
  unscheduledMs: () => 0,
  nodeLostMs: 300_000,
  bindTimeoutMs: 60_000,
  ...over,
});

describe('a replica', () => {
  it('is ready when all its pods are', () => {
    expect(viewReplica(sight())).toEqual({ placed: true, ready: true, revision: 'r1' });
    expect(viewReplica(sight({ pods: 2 }))).toMatchObject({ ready: false, message: '1 of 2 pods ready' });
  });

  it('was not made while none of its objects is seen', () => {
    expect(viewReplica(sight({ objects: [], members: [] }))).toEqual({
      placed: false,
      ready: false,
      message: '0 of 1 pods ready',
    });
  });

  it('names what a pod waits for', () => {
    const waiting = pod({ ready: false, waitingReason: 'ImagePullBackOff', waitingMessage: 'no such image' });
    expect(viewReplica(sight({ members: [waiting] })).message).toBe(
      'pod chat-1-x waits, ImagePullBackOff: no such image',
    );
  });

  it('ends on a lost node though its pod still looks ready', () => {
    expect(viewReplica(sight({ nodeUnwellMs: () => 300_000 })).end).toMatchObject({
      reason: 'NodeLost',
      avoid: [{ node: 'gpu-1' }],
    });
  });

  it('ends where the kubelet refuses it, but not for a refusal that is over', () => {
    const refusedPod = pod({ phase: 'Failed', reason: 'OutOfcpu', ready: false });
    expect(viewReplica(sight({ members: [refusedPod] })).end?.reason).toBe('BindConflict');
    expect(viewReplica(sight({ members: [refusedPod, pod({ ready: false })] })).end).toBeUndefined();
  });

  it('ends where it is not scheduled in time', () => {
    const { nodeName: _none, ...unbound } = pod({ ready: false, phase: 'Pending' });
    expect(viewReplica(sight({ members: [unbound], unscheduledMs: () => 60_000 })).end).toMatchObject({
      reason: 'BindConflict',
      avoid: [{ node: 'gpu-1', reason: 'BindConflict' }],
    });
  });
});

const view = (over: Partial<ReplicaView> = {}): ReplicaView => ({ placed: true, ready: true, revision: 'r1', ...over });
const input = (over: Partial<RolloutInput> = {}): RolloutInput => ({
  replicas: 2,
  suspend: false,
  revision: 'r1',
  shapeHash: 'shape',
  accelerators: [],
  held: [aHeldReplica(0), aHeldReplica(1)],
  view: () => view(),
  ...over,
});
const ends = (over: Partial<RolloutInput>): [number, string][] =>
  [...rollout(input(over)).ends].map(([replica, { reason }]) => [replica, reason]);

describe('which replicas end', () => {
  it('none while all is as it should be', () => {
    expect(rollout(input())).toEqual({ ends: new Map() });
  });

  it('one after the other, when the spec asks for other accelerators than they have', () => {
    const { accelerator, gpusPerNode } = aHeldReplica(0);
    expect(ends({ accelerators: [{ type: accelerator, countPerNode: gpusPerNode }] })).toEqual([]);
    expect(ends({ accelerators: [{ type: accelerator, countPerNode: gpusPerNode + 1 }] })).toEqual([[0, 'RolledOut']]);
    expect(ends({ accelerators: [{ type: 'A100', countPerNode: gpusPerNode }] })).toEqual([[0, 'RolledOut']]);
  });

  it('the ones with the highest ordinals when there are fewer to be', () => {
    expect(ends({ replicas: 1 })).toEqual([[1, 'ScaledDown']]);
  });

  it('all when suspended, or when their queue is drained', () => {
    expect(ends({ suspend: true })).toEqual([
      [0, 'Suspended'],
      [1, 'Suspended'],
    ]);
    expect(ends({ drainedBy: 'centre' }).map(([, reason]) => reason)).toEqual(['QueueHeld', 'QueueHeld']);
  });

  it('one at a time when the template changes, the next when the one before is ready again', () => {
    const first = rollout(input({ revision: 'r2' }));
    expect([[...first.ends.keys()], first.rolling]).toEqual([[0], 0]);
    const views = new Map([
      [0, view({ revision: 'r2', ready: false })],
      [1, view()],
    ]);
    const look = (held: HeldReplica) => views.get(held.replica);
    expect(rollout(input({ revision: 'r2', rolling: 0, view: look }))).toEqual({ ends: new Map(), rolling: 0 });
    views.set(0, view({ revision: 'r2' }));
    const second = rollout(input({ revision: 'r2', rolling: 0, view: look }));
    expect([[...second.ends.keys()], second.rolling]).toEqual([[1], 1]);
    views.set(1, view({ revision: 'r2' }));
    expect(rollout(input({ revision: 'r2', rolling: 1, view: look }))).toEqual({ ends: new Map() });
  });

  it('waits for a replica that holds no nodes yet after it was replaced', () => {
    expect(rollout(input({ revision: 'r2', rolling: 0, held: [aHeldReplica(1)] }))).toEqual({
      ends: new Map(),
      rolling: 0,
    });
  });

  it('replaces one that does not come up first, and a broken one anew', () => {
    const look = (held: HeldReplica) => view({ ready: held.replica === 0 });
    expect(ends({ revision: 'r2', view: look })).toEqual([[1, 'RolledOut']]);
    const broken = (held: HeldReplica) => (held.replica === 0 ? view({ revision: 'r2', ready: false }) : view());
    expect(ends({ revision: 'r3', rolling: 0, view: broken })).toEqual([[0, 'RolledOut']]);
  });

  it('leaves what runs alone while the new spec cannot be obeyed, and lets go what was never made', () => {
    expect(ends({ revision: undefined, refused: 'no' })).toEqual([]);
    const { revision: _none, ...nothing } = view({ placed: false, ready: false });
    expect(ends({ revision: undefined, refused: 'no', view: () => nothing })).toEqual([
      [0, 'DispatchRefused'],
      [1, 'DispatchRefused'],
    ]);
    expect(ends({ shapeHash: 'other', view: () => nothing }).map(([, reason]) => reason)).toEqual([
      'SpecChanged',
      'SpecChanged',
    ]);
  });

  it('judges nothing where the member does not answer', () => {
    expect(ends({ revision: 'r2', view: () => undefined })).toEqual([]);
  });

  it('takes at most one ready replica away for a new template, whatever is seen', () => {
    const anyView = fc.option(
      fc.record({ placed: fc.constant(true), ready: fc.boolean(), revision: fc.constantFrom('r1', 'r2') }),
      { nil: undefined },
    );
    fc.assert(
      fc.property(fc.array(anyView, { maxLength: 6 }), fc.option(fc.nat(7), { nil: undefined }), (views, rolling) => {
        const held = views.map((_, replica) => aHeldReplica(replica));
        const asked = input({
          replicas: views.length,
          revision: 'r2',
          held,
          view: ({ replica }) => views[replica] ?? undefined,
          ...(rolling === undefined ? {} : { rolling }),
        });
        const result = rollout(asked);
        expect(result.ends.size).toBeLessThanOrEqual(1);
        for (const replica of result.ends.keys()) expect(views[replica]?.revision).toBe('r1');
        for (const replica of result.ends.keys()) expect(result.rolling).toBe(replica);
      }),
    );
  });
});
