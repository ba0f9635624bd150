import { describe, expect, it } from 'vitest';
import { customResourceDefinition, type SchemaNode } from '../api/crd.ts';
import { KINDS } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import { FakeClock } from '../runtime/clock.ts';
import { MemoryLogger } from '../runtime/logger.ts';
import { MemoryMetrics } from '../runtime/metrics.ts';
import { HubGate, UnsuitableHub } from './gate.ts';

interface Crd {
  metadata: { name: string };
  spec: { versions: { name: string; schema: { openAPIV3Schema: SchemaNode } }[] };
}

const error = (status: number, reason: string) => new KubeError(reason, { status, reason });
const QUEUES = 'computequeues.aidc.dev';

/** A hub with the CRDs of this release, before something is done to them. */
class Hub {
  readonly crds = new Map((KINDS.map(customResourceDefinition) as Crd[]).map((crd) => [crd.metadata.name, crd]));
  minor = '36';
  failure: KubeError | undefined;

  async serverVersion() {
    return { major: '1', minor: this.minor, gitVersion: `v1.${this.minor}.3` };
  }

  async get(_resource: object, { name }: { name: string }): Promise<Crd> {
    if (this.failure !== undefined) throw this.failure;
    const crd = this.crds.get(name);
    if (crd === undefined) throw error(404, 'NotFound');
    return crd;
  }

  /** The schema of a field of a queue's spec's parent object. */
  spec(): SchemaNode {
    const root = this.crds.get(QUEUES)?.spec.versions[0]?.schema.openAPIV3Schema;
    return root?.properties?.spec as SchemaNode;
  }
}

function gateOf(hub: Hub) {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const metrics = new MemoryMetrics();
  const gate = new HubGate({ client: hub as unknown as KubeClient, clock, logger, metrics });
  const stop = new AbortController();
  let end: unknown = 'waits';
  const passing = gate.pass(stop.signal).then(
    () => {
      end = 'passed';
    },
    (cause: unknown) => {
      end = cause;
    },
  );
  const settle = async (ms = 0): Promise<unknown> => {
    await clock.advance(ms);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    return end;
  };
  const said = (level: string) => logger.lines.filter((line) => line.level === level).map(({ message }) => message);
  const outdated = (crd = QUEUES) => metrics.value('aidc_crd_outdated', { crd });
  return { gate, stop, passing, settle, said, outdated };
}

describe('HubGate', () => {
  it('lets a hub pass that has the CRDs of this release, and says nothing', async () => {
    const { gate, settle, said, outdated } = gateOf(new Hub());
    expect(gate.trouble()).toContain('not looked at yet');
    expect(await settle()).toBe('passed');
    expect([gate.trouble(), outdated(), said('warn'), said('error')]).toEqual([undefined, 0, [], []]);
  });

  it('waits while fields would be dropped, names them, and goes on when they are there', async () => {
    const hub = new Hub();
    const { weight, ...older } = hub.spec().properties ?? {};
    hub.spec().properties = older;
    const { gate, settle, said, outdated } = gateOf(hub);
    expect(await settle()).toBe('waits');
    expect(gate.trouble()).toMatch(
      /^The CRD computequeues\.aidc\.dev is of an older release: .* would drop spec\.weight\. .*helm upgrade/,
    );
    expect(await settle(60_000)).toBe('waits');
    expect(outdated()).toBe(1);
    expect(outdated('datasets.aidc.dev')).toBe(0);
    expect(said('error')).toHaveLength(1);
    hub.spec().properties = { ...older, ...(weight === undefined ? {} : { weight }) };
    expect(await settle(3_000)).toBe('passed');
    expect([gate.trouble(), outdated()]).toEqual([undefined, 0]);
  });

  it('counts what it does not name', async () => {
    const hub = new Hub();
    const names = Object.keys(hub.spec().properties ?? {});
    hub.spec().properties = {};
    const { gate, settle } = gateOf(hub);
    await settle();
    expect(names.length).toBeGreaterThan(8);
    expect(gate.trouble()).toContain(` and ${names.length - 8} more.`);
  });

  it('gives up when a CRD stays missing, and not at once', async () => {
    const hub = new Hub();
    hub.crds.delete(QUEUES);
    const { settle, outdated } = gateOf(hub);
    for (let look = 1; look < 5; look += 1) expect(await settle(look === 1 ? 0 : 3_000)).toBe('waits');
    const end = await settle(3_000);
    expect(end).toBeInstanceOf(UnsuitableHub);
    expect((end as Error).message).toMatch(/^The hub has no CRD computequeues\.aidc\.dev\. Install the CRDs/);
    expect(outdated()).toBe(1);
  });

  it('takes a CRD that serves another version only for a missing one', async () => {
    const hub = new Hub();
    for (const version of hub.crds.get(QUEUES)?.spec.versions ?? []) version.name = 'v9';
    const { gate, settle } = gateOf(hub);
    await settle();
    expect(gate.trouble()).toContain('does not serve v1alpha1');
  });

  it('refuses a Kubernetes that is too old, at once', async () => {
    const hub = new Hub();
    hub.minor = '30';
    const { settle } = gateOf(hub);
    const end = await settle();
    expect(end).toBeInstanceOf(UnsuitableHub);
    expect((end as Error).message).toBe('The hub runs Kubernetes v1.30.3; 1.31 or newer is needed. Upgrade the hub.');
  });

  it('goes on with newer CRDs, and with other bounds, and says so', async () => {
    const hub = new Hub();
    hub.spec().properties = { ...hub.spec().properties, novel: { type: 'string' } };
    hub.spec().required = ['weight'];
    const { settle, said, outdated } = gateOf(hub);
    expect(await settle()).toBe('passed');
    expect(outdated()).toBe(0);
    expect(said('warn')).toEqual([
      'The CRD computequeues.aidc.dev has fields this release does not know: spec.novel, and checks otherwise than this release at spec. The operator goes on with it.',
    ]);
  });

  it('goes on without the right to compare, and waits for a hub that does not answer', async () => {
    const hub = new Hub();
    hub.failure = error(403, 'Forbidden');
    expect(await gateOf(hub).settle()).toBe('passed');
    hub.failure = error(500, 'InternalError');
    const { gate, settle } = gateOf(hub);
    expect(await settle(60_000)).toBe('waits');
    expect(gate.trouble()).toContain('InternalError');
    hub.failure = undefined;
    expect(await settle(3_000)).toBe('passed');
  });

  it('ends with the process', async () => {
    const hub = new Hub();
    hub.crds.delete(QUEUES);
    const { stop, settle } = gateOf(hub);
    await settle();
    stop.abort();
    expect(await settle()).toBe('passed');
  });

  it('tells of CRDs that are replaced by older ones while it runs', async () => {
    const hub = new Hub();
    const { gate, stop, settle, said, outdated } = gateOf(hub);
    await settle();
    void gate.watch(stop.signal);
    const { weight: _weight, ...older } = hub.spec().properties ?? {};
    hub.spec().properties = older;
    await settle(5 * 60_000);
    expect(said('error')).toHaveLength(1);
    expect(outdated()).toBe(1);
    stop.abort();
  });
});
