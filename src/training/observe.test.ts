import { describe, expect, it } from 'vitest';
import { anAdmission } from '../../test/support/builders.ts';
import type { MemberJob, MemberPod } from '../regions/index.ts';
import { type AttemptSight, viewAttempt } from './observe.ts';

const job = (over: Partial<MemberJob> = {}): MemberJob => ({
  metadata: { name: 'run-1', namespace: 'team', uid: 'j', resourceVersion: '1', labels: {}, annotations: {} },
  active: 2,
  ready: 0,
  succeeded: 0,
  failed: 0,
  complete: false,
  ...over,
});

const pod = (index: number, over: Partial<MemberPod> = {}): MemberPod => ({
  metadata: {
    name: `run-1-${index}`,
    namespace: 'team',
    uid: `p${index}`,
    resourceVersion: '1',
    labels: {},
    annotations: {},
  },
  phase: 'Running',
  ready: true,
  gates: [],
  nodeName: `gpu-${index + 1}`,
  requests: { cpuMilli: 0, memoryMi: 0, extended: {} },
  index,
  ...over,
});

const sight = (over: Partial<AttemptSight>): AttemptSight => ({
  admission: anAdmission(),
  pods: 2,
  job: job(),
  members: [pod(0), pod(1)],
  node: () => undefined,
  nodeUnwellMs: () => 0,
  unscheduledMs: () => 0,
  nodeLostMs: 300_000,
  missingMs: 0,
  bindTimeoutMs: 60_000,
  ...over,
});

describe('viewAttempt', () => {
  it('names each gated pod the node of its rank', () => {
    const gated = [1, 0].map((index) => {
      const { nodeName: _none, ...rest } = pod(index, { gates: ['aidc.dev/bind'], phase: 'Pending', ready: false });
      return rest;
    });
    const view = viewAttempt(sight({ members: gated }));
    expect(view.bind.map((entry) => [entry.pod.metadata.name, entry.node])).toEqual([
      ['run-1-1', 'gpu-2'],
      ['run-1-0', 'gpu-1'],
    ]);
    expect(view.end).toBeUndefined();
  });

  it('counts ranks that succeeded as ready, so that a staggered end is still running', () => {
    const view = viewAttempt(
      sight({ job: job({ succeeded: 1 }), members: [pod(0), pod(1, { phase: 'Succeeded', ready: false })] }),
    );
    expect(view).toMatchObject({ allReady: true, active: 1 });
  });

  it('does not fall back while the last ranks end before the Job has counted them', () => {
    const done = [0, 1].map((index) => pod(index, { phase: 'Succeeded', ready: false }));
    expect(viewAttempt(sight({ members: done })).allReady).toBe(true);
  });

  it('ends well when the Job is complete, whatever else is seen', () => {
    const view = viewAttempt(sight({ job: job({ complete: true }), nodeUnwellMs: () => 1e9 }));
    expect(view.end?.reason).toBe('Succeeded');
  });

  it('takes a deadline that the hub did not renew for the loss of the region, and no other', () => {
    const over = job({
      failure: { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' },
    });
    const admission = anAdmission({ relocateAfterSeconds: 900 });
    expect(viewAttempt(sight({ job: over, admission, members: [] })).end).toMatchObject({
      reason: 'RegionLost',
      message: 'the hub did not reach the region for 900 s, so the attempt ended itself there',
    });
    expect(viewAttempt(sight({ job: over, members: [] })).end?.reason).toBe('PodLost');
  });

  it('gives up where the region makes no more pods, and says where to look', () => {
    expect(viewAttempt(sight({ members: [pod(0)], missingMs: 59_999 })).end).toBeUndefined();
    expect(viewAttempt(sight({ missingMs: 1e9 })).end).toBeUndefined();
    expect(viewAttempt(sight({ members: [pod(0)], missingMs: 60_000 })).end).toMatchObject({
      reason: 'DispatchRefused',
      message: expect.stringMatching(/^only 1 of 2 pods of Job .* were created, and no other for 60 s; the events/),
    });
  });

  it('says what its pods wait for', () => {
    const waits = pod(1, { ready: false, waitingReason: 'ImagePullBackOff', waitingMessage: 'no such image' });
    expect(viewAttempt(sight({ members: [pod(0), waits] })).waiting).toBe(
      'pod run-1-1 waits, ImagePullBackOff: no such image',
    );
    expect(viewAttempt(sight({})).waiting).toBeUndefined();
  });

  it('blames the program for its exit code, not the peers that were killed because of it', () => {
    const killed = pod(0, {
      phase: 'Failed',
      exitCode: 137,
      metadata: { ...pod(0).metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    const view = viewAttempt(
      sight({ members: [killed, pod(1, { phase: 'Failed', exitCode: 3, exitReason: 'Error' })] }),
    );
    expect(view.end).toMatchObject({ reason: 'AppFailed', message: 'pod run-1-1 on gpu-2 exited with code 3 (Error)' });
  });

  it('calls a pod that somebody deleted lost, not failed', () => {
    const taken = pod(0, {
      phase: 'Failed',
      exitCode: 143,
      metadata: { ...pod(0).metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    expect(viewAttempt(sight({ members: [taken, pod(1)] })).end?.reason).toBe('PodLost');
  });

  it('calls a pod disrupted by the cluster lost', () => {
    const evicted = pod(0, { phase: 'Failed', exitCode: 137, disruption: 'EvictionByEvictionAPI' });
    expect(viewAttempt(sight({ members: [evicted, pod(1)] })).end).toMatchObject({ reason: 'PodLost' });
  });

  it('waits for a node that is unwell, then gives it up and avoids it until it boots anew', () => {
    const node = () => ({ bootId: 'b1' }) as never;
    expect(viewAttempt(sight({ node, nodeUnwellMs: (name) => (name === 'gpu-2' ? 299_999 : 0) })).end).toBeUndefined();
    const view = viewAttempt(sight({ node, nodeUnwellMs: (name) => (name === 'gpu-2' ? 300_000 : 0) }));
    expect(view.end).toMatchObject({
      reason: 'NodeLost',
      message: 'node gpu-2 not ready for 300 s with 1 of 2 pods',
      avoid: [{ node: 'gpu-2', reason: 'NodeLost', bootId: 'b1' }],
    });
  });

  it('takes a kubelet’s refusal for a conflict with foreign pods and avoids that node', () => {
    const refused = pod(1, {
      phase: 'Failed',
      reason: 'OutOfnvidia.com/gpu',
      message: 'Node did not have enough resource',
    });
    const view = viewAttempt(sight({ members: [pod(0), refused] }));
    expect(view.end).toMatchObject({ reason: 'BindConflict', avoid: [{ node: 'gpu-2', reason: 'BindConflict' }] });
  });

  it('gives up a pod that is not scheduled in time, with the scheduler’s own words', () => {
    const { nodeName: _none, ...free } = pod(1, {
      phase: 'Pending',
      ready: false,
      unschedulableMessage: '0/4 nodes are available',
    });
    expect(viewAttempt(sight({ members: [pod(0), free], unscheduledMs: () => 59_000 })).end).toBeUndefined();
    const view = viewAttempt(sight({ members: [pod(0), free], unscheduledMs: () => 60_000 }));
    expect(view.end).toMatchObject({ reason: 'BindConflict', avoid: [{ node: 'gpu-2' }] });
    expect(view.end?.message).toContain('0/4 nodes are available');
  });
});
