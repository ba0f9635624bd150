import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { isWriteRefused } from '../../src/kube/errors.ts';
import { LeaderElector, type Lease, type LeaseSpec } from '../../src/kube/leader-elector.ts';
import { applyMergePatch } from '../../src/kube/merge-patch.ts';
import { CONFIG_MAPS } from '../../src/kube/resource.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { noopLogger } from '../../src/runtime/logger.ts';
import { eventually, FaultyServer, json, refuse, type Seen, testClient } from './faulty-server.ts';

const cleanups: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Wide apart, so that a busy machine does not lose the lease by itself. */
const config = { leaseDurationMs: 4000, renewDeadlineMs: 2500, retryPeriodMs: 200 };

/** The API's Lease with its optimistic lock, and a log of the writes that had an effect. */
class Cluster {
  lease: Lease | undefined;
  version = 0;
  readonly writes: string[] = [];

  serve = (request: Seen, response: ServerResponse): void => {
    if (!request.path.includes('/leases')) {
      this.writes.push(`${request.method} ${request.path}`);
      json(response, { metadata: { name: 'x' } });
    } else if (request.method === 'GET') {
      if (this.lease) json(response, this.lease);
      else refuse(response, 404, 'NotFound');
    } else if (request.method === 'POST') this.#create(request, response);
    else this.#patch(request, response);
  };

  #create(request: Seen, response: ServerResponse): void {
    if (this.lease) {
      refuse(response, 409, 'AlreadyExists');
      return;
    }
    this.#store(JSON.parse(request.body) as Lease);
    json(response, this.lease, 201);
  }

  #patch(request: Seen, response: ServerResponse): void {
    const patch = JSON.parse(request.body) as Lease;
    if (!this.lease || patch.metadata.resourceVersion !== this.lease.metadata.resourceVersion) {
      refuse(response, 409, 'Conflict');
      return;
    }
    this.#store(applyMergePatch(this.lease, patch) as Lease);
    json(response, this.lease);
  }

  #store(lease: Lease): void {
    this.version += 1;
    const metadata = { ...lease.metadata, uid: 'lease-1', resourceVersion: String(this.version) };
    this.lease = { metadata, spec: lease.spec as LeaseSpec };
  }
}

interface Candidate {
  readonly elector: LeaderElector;
  readonly server: FaultyServer;
  readonly stop: () => Promise<void>;
  readonly startedAt: number[];
  readonly lostAt: number[];
}

/** A candidate with its own way to the cluster, which the test may cut. */
async function candidate(cluster: Cluster, identity: string): Promise<Candidate> {
  const server = await new FaultyServer(cluster.serve).listen();
  const client = testClient(server);
  const startedAt: number[] = [];
  const lostAt: number[] = [];
  const elector = new LeaderElector({
    client,
    namespace: 'ns',
    name: 'operator',
    identity,
    config,
    clock: systemClock,
    logger: noopLogger,
    onStarted: () => startedAt.push(performance.now()),
    onLost: () => lostAt.push(performance.now()),
  });
  const abort = new AbortController();
  const running = elector.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await running;
  };
  cleanups.push(() => server.close(), stop);
  return { elector, server, stop, startedAt, lostAt };
}

describe('one candidate', () => {
  it('creates the lease as the API wants it, renews it, and releases it at stop', async () => {
    const cluster = new Cluster();
    const { elector, stop } = await candidate(cluster, 'a');
    expect(await elector.acquired(AbortSignal.timeout(5000))).toBe(0);
    expect(cluster.lease?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 4, leaseTransitions: 0 });
    expect(cluster.lease?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(elector.remainingMs()).toBeLessThanOrEqual(config.renewDeadlineMs);
    await eventually(() => cluster.version >= 3);
    expect(elector.isLeader()).toBe(true);
    await stop();
    expect(elector.isLeader()).toBe(false);
    expect(cluster.lease?.spec).toMatchObject({ leaseDurationSeconds: 1, leaseTransitions: 0 });
    expect(cluster.lease?.spec).not.toHaveProperty('holderIdentity');
  });

  it('keeps its epoch when a renewal had its effect but the answer was lost', async () => {
    const cluster = new Cluster();
    const { elector, server, lostAt } = await candidate(cluster, 'a');
    await eventually(() => elector.isLeader());
    let lose = 2;
    server.answer((request, response, socket) => {
      if (request.method === 'PATCH' && lose-- > 0) {
        cluster.serve(request, { writeHead: () => response, end: () => response } as never);
        socket.resetAndDestroy();
      } else cluster.serve(request, response);
    });
    const before = cluster.version;
    await eventually(() => cluster.version > before + 4);
    expect([elector.isLeader(), elector.epoch, lostAt.length]).toEqual([true, 0, 0]);
  });

  it('leads at most once: after a loss run ends', async () => {
    const cluster = new Cluster();
    const { elector, startedAt, lostAt } = await candidate(cluster, 'a');
    await eventually(() => elector.isLeader());
    cluster.lease = undefined;
    await eventually(() => lostAt.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([elector.isLeader(), startedAt.length]).toEqual([false, 1]);
    expect(await elector.acquired(new AbortController().signal)).toBeUndefined();
  });
});

describe('two candidates', () => {
  it('a release hands over at once, in a new epoch', async () => {
    const cluster = new Cluster();
    const a = await candidate(cluster, 'a');
    await eventually(() => a.elector.isLeader());
    const b = await candidate(cluster, 'b');
    await eventually(() => b.server.requests.length >= 2);
    await a.stop();
    const before = performance.now();
    expect(await b.elector.acquired(AbortSignal.timeout(10_000))).toBe(1);
    expect(performance.now() - before).toBeLessThan(config.leaseDurationMs - 500);
  });

  it.each([
    ['whose requests hang', () => {}],
    [
      'whose renewals hang but whose reads pass',
      (cluster: Cluster, request: Seen, response: ServerResponse) => {
        if (request.method === 'GET') cluster.serve(request, response);
      },
    ],
    ['whose connections are reset', (_c: Cluster, _r: Seen, response: ServerResponse) => void response.destroy()],
  ])('a leader %s is out before the other takes over, and its writes do not go out', async (_name, fault) => {
    const cluster = new Cluster();
    const a = await candidate(cluster, 'a');
    await eventually(() => a.elector.isLeader());
    const b = await candidate(cluster, 'b');
    // The way to the region stays open: only the guard keeps a deposed leader from writing there.
    const region = await new FaultyServer(cluster.serve).listen();
    const guarded = testClient(region, { beforeWrite: a.elector.guard() });
    cleanups.push(
      () => region.close(),
      () => guarded.close(),
    );
    const write = () => guarded.create(CONFIG_MAPS, { namespace: 'ns', body: { metadata: { name: 'x' } } });
    await write();
    expect(cluster.writes).toHaveLength(1);
    a.server.answer((request, response) => fault(cluster, request, response));
    await eventually(() => b.startedAt.length === 1);
    expect(a.lostAt).toHaveLength(1);
    expect(a.lostAt[0]).toBeLessThan(b.startedAt[0] as number);
    expect([a.elector.isLeader(), b.elector.epoch]).toEqual([false, 1]);
    const error = await write().catch((caught: unknown) => caught);
    expect(isWriteRefused(error)).toBe(true);
    expect(cluster.writes).toHaveLength(1);
  });

  it('a write that hangs ends before the term does', async () => {
    const cluster = new Cluster();
    const a = await candidate(cluster, 'a');
    await eventually(() => a.elector.isLeader());
    const region = await new FaultyServer(() => {}).listen();
    const guarded = testClient(region, { beforeWrite: a.elector.guard(), maxRetries: 0 });
    cleanups.push(
      () => region.close(),
      () => guarded.close(),
    );
    a.server.answer(() => {});
    const write = guarded.create(CONFIG_MAPS, { namespace: 'ns', body: { metadata: { name: 'x' } } });
    const failedAt = write.catch(() => performance.now());
    await eventually(() => a.lostAt.length === 1);
    expect(await failedAt).toBeLessThan(a.lostAt[0] as number);
  });
});
