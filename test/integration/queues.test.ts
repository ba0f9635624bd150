import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComputeQueue, ModelTraining } from '../../src/api/index.ts';
import { QUEUES, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { EVENTS, type KubeObject } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  eventually,
  getOrUndefined,
  queue,
  type RunningOperator,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';

type Queue = ComputeQueue & KubeObject;
type Training = ModelTraining & KubeObject;

const centre = useEnvironment({ regions: [h100Region('west', 6)] });

let hub: KubeClient;
let operator: RunningOperator;

const quota = [{ accelerator: 'H100', nominal: 16 }];

beforeAll(async () => {
  hub = await setUpCentre(centre.environment);
  await applyAll(hub, [
    ...[0, 100].map((value) => ({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: `value-${value}` },
      value,
    })),
    queue('centre', { quota: [{ accelerator: 'H100', nominal: 16 }] }),
    queue('weather', { parent: 'centre', quota, namespaceSelector: {} }),
    queue('chat', { parent: 'centre', quota, namespaceSelector: {} }),
  ]);
  operator = await startOperator(centre.environment);
});

afterAll(async () => {
  await operator.stop();
  await hub.close();
});

const training = (name: string, leaf: string, numNodes: number, spec: object = {}): object =>
  trainingOf(name, { spec: { queue: leaf, ...spec }, trainer: { numNodes } });

const untilQueue = (name: string, what: string, check: (object: Queue) => boolean): Promise<Queue> =>
  untilObject<Queue>(hub, QUEUES, { namespace: '', name }, what, check);
const untilTraining = (name: string, what: string, check: (object: Training) => boolean): Promise<Training> =>
  untilObject<Training>(hub, TRAININGS, { namespace: 'team', name }, what, check);
const running = (name: string): Promise<Training> =>
  untilTraining(name, 'Running', (object) => object.status?.phase === 'Running');
const readyOf = (object: Queue) => object.status?.conditions?.find((entry) => entry.type === 'Ready');
const admittedOf = (object: Training) => object.status?.conditions?.find((entry) => entry.type === 'Admitted');
const untilReason = (name: string, reason: string): Promise<Queue> =>
  untilQueue(name, reason, (object) => readyOf(object)?.reason === reason);
const placesOf = (object: Queue): string[] => (object.status?.head ?? []).map((entry) => entry.name);

async function remove(...names: string[]): Promise<void> {
  for (const name of names) await hub.delete(TRAININGS, { namespace: 'team', name });
  for (const name of names) {
    await eventually(`${name} is gone`, async () => (await getOrUndefined(hub, TRAININGS, 'team', name)) === undefined);
  }
}

describe('a tree of ComputeQueues on real clusters', () => {
  it('shows use, what is borrowed, and who waits at which place', async () => {
    await applyAll(hub, [training('large', 'chat', 4)]);
    await running('large');
    const chat = await untilQueue('chat', 'its use', (object) => object.status?.admitted === 1);
    expect(chat.status?.usage).toEqual([
      { accelerator: 'H100', region: '*', nominal: 16, usedMilliGpus: 32_000, borrowedMilliGpus: 16_000 },
    ]);
    expect(readyOf(chat)).toMatchObject({ status: 'True', reason: 'Ready' });
    // 6 nodes of quota, 4 in use: 3 more do not fit.
    await applyAll(hub, [training('first', 'chat', 3), training('second', 'chat', 3)]);
    await untilQueue('chat', 'two waiting', (object) => object.status?.pending === 2);
    await applyAll(hub, [training('urgent', 'chat', 3, { priorityClassName: 'value-100' })]);
    const three = await untilQueue('chat', 'three waiting', (object) => placesOf(object).length === 3);
    expect(three.status?.head?.[0]).toEqual({
      position: 1,
      namespace: 'team',
      name: 'urgent',
      kind: 'ModelTraining',
      priority: 100,
    });
    expect(placesOf(three).slice(1).sort()).toEqual(['first', 'second']);
    const told = await untilQueue('chat', 'reasons', (object) =>
      (object.status?.pendingByReason ?? []).every((entry) => entry.reason === 'QuotaExceeded'),
    );
    expect(told.status?.pendingByReason).toEqual([{ reason: 'QuotaExceeded', count: 3 }]);
    const above = await untilQueue('centre', 'the sum', (object) => object.status?.pending === 3);
    expect(above.status).toMatchObject({
      admitted: 1,
      usage: [{ accelerator: 'H100', region: '*', nominal: 48, usedMilliGpus: 32_000, borrowedMilliGpus: 0 }],
    });
    expect(above.status?.head).toBeUndefined();
    await remove('large');
    await running('urgent');
    await running(placesOf(three)[1] ?? '');
    await untilQueue('chat', 'one waiting', (object) => placesOf(object).join() === placesOf(three)[2]);
    await remove('first', 'second', 'urgent');
    const idle = await untilQueue('chat', 'idle', (object) => object.status?.admitted === 0);
    expect(idle.status).toMatchObject({ pending: 0, pendingByReason: [], head: [], usage: [{ usedMilliGpus: 0 }] });
  });

  it('reports a circle, a missing parent and work above the leaves, while the rest goes on', async () => {
    await applyAll(hub, [
      queue('egg', { parent: 'hen', quota, namespaceSelector: {} }),
      queue('hen', { parent: 'egg', quota, namespaceSelector: {} }),
      queue('orphan', { parent: 'nowhere', quota, namespaceSelector: {} }),
      training('hatched', 'egg', 1),
      training('lost', 'orphan', 1),
      training('lofty', 'centre', 1),
      training('sound', 'weather', 1),
    ]);
    await running('sound');
    const egg = await untilQueue(
      'egg',
      'CycleInTree',
      (object) => readyOf(object)?.reason === 'CycleInTree' && object.status?.pending === 1,
    );
    expect(readyOf(egg)).toMatchObject({ status: 'False' });
    expect(readyOf(egg)?.message).toContain('egg -> hen -> egg');
    expect(readyOf(await untilReason('orphan', 'ParentNotFound'))?.message).toContain('queue nowhere, does not exist');
    expect(readyOf(await untilReason('centre', 'ParentHoldsWorkloads'))?.message).toContain('chat, weather');
    expect(readyOf(await untilReason('weather', 'Ready'))?.status).toBe('True');
    const waits = (name: string, reason: string): Promise<Training> =>
      untilTraining(name, reason, (object) => admittedOf(object)?.reason === reason);
    await waits('hatched', 'QueueInvalid');
    await waits('lost', 'QueueInvalid');
    await waits('lofty', 'QueueNotLeaf');
    // Repaired, all of it works.
    await applyAll(hub, [
      queue('hen', { quota, namespaceSelector: {} }),
      queue('nowhere', { quota, namespaceSelector: {} }),
    ]);
    const move = (spec: object) => hub.mergePatch(TRAININGS, { namespace: 'team', name: 'lofty', body: { spec } });
    await move({ suspend: true });
    await move({ queue: 'weather' });
    await move({ suspend: false });
    await Promise.all([running('hatched'), running('lost'), running('lofty')]);
    await untilReason('egg', 'Ready');
    await untilReason('orphan', 'Ready');
    await untilReason('centre', 'Ready');
    await remove('hatched', 'lost', 'lofty', 'sound');
  });

  it('Hold admits nothing new and lets run what runs; HoldAndDrain stops that, too', async () => {
    const stop = (stopPolicy: string): Promise<void> =>
      applyAll(hub, [queue('centre', { stopPolicy, quota: [{ accelerator: 'H100', nominal: 16 }] })]);
    await applyAll(hub, [training('veteran', 'chat', 1)]);
    await running('veteran');
    await stop('Hold');
    expect(readyOf(await untilReason('chat', 'Held'))?.message).toContain('queue centre above it');
    await applyAll(hub, [training('recruit', 'chat', 1)]);
    const recruit = await untilTraining('recruit', 'QueueHeld', (object) => admittedOf(object)?.reason === 'QueueHeld');
    expect(recruit.status?.admission).toBeUndefined();
    expect((await running('veteran')).status?.attempt).toBe(1);
    await untilQueue(
      'chat',
      'one runs, one waits',
      ({ status }) => status?.admitted === 1 && status.pendingByReason?.[0]?.reason === 'QueueHeld',
    );
    await stop('HoldAndDrain');
    const drained = await untilTraining('veteran', 'drained', (object) => object.status?.admission === undefined);
    expect(drained.status?.attempts?.[0]).toMatchObject({ endReason: 'QueueHeld' });
    expect(drained.status?.restarts).toMatchObject({ infra: 0, application: 0 });
    await untilQueue('chat', 'both wait', ({ status }) => status?.admitted === 0 && status.pending === 2);
    await stop('None');
    expect((await running('veteran')).status?.attempt).toBe(2);
    await running('recruit');
    await untilReason('chat', 'Ready');
    await remove('veteran', 'recruit');
  });

  it('keeps nodes for who has waited long, lets before it only what ends in time, and says when it will start', async () => {
    await applyAll(hub, [
      queue('patient', { quota: [{ nominal: 100 }], namespaceSelector: {}, reserveAfterSeconds: 0 }),
    ]);
    await applyAll(hub, [training('occupant', 'patient', 5)]);
    await running('occupant');
    await applyAll(hub, [training('giant', 'patient', 6, { priorityClassName: 'value-100' })]);
    await untilTraining('giant', 'waits for nodes', (object) => admittedOf(object)?.reason === 'InsufficientGPU');
    await applyAll(hub, [training('endless', 'patient', 1)]);
    const held = await untilTraining(
      'endless',
      'waits',
      (object) => admittedOf(object)?.reason === 'BehindReservation',
    );
    expect(admittedOf(held)?.message).toContain('are kept for team/giant (queue patient)');
    const { status } = await untilQueue('patient', 'a forecast', ({ status }) => {
      return status?.head?.[0]?.expectedStartTime !== undefined;
    });
    expect(status?.head?.[0]).toMatchObject({ position: 1, name: 'giant' });
    // It is ended after a second of running, and the occupant has run for longer.
    await applyAll(hub, [training('brief', 'patient', 1, { activeDeadlineSeconds: 1 })]);
    await untilTraining('brief', 'has run before both', (object) => object.status?.startTime !== undefined);
    await hub.delete(TRAININGS, { namespace: 'team', name: 'occupant' });
    await running('giant');
    const last = await getOrUndefined<Training>(hub, TRAININGS, 'team', 'endless');
    expect(last?.status?.phase).toBe('Queued');
    await remove('giant', 'endless', 'brief');
  });

  it('a budget holds the queue up when it is used, also over a restart, and not what runs', async () => {
    // A board costs 8 CNY an hour: 8 of them some 0.018 CNY a second with their power.
    const chat = (costMicros: number): Promise<void> =>
      applyAll(hub, [
        queue('chat', {
          parent: 'centre',
          quota,
          namespaceSelector: {},
          budgets: [{ period: 'Year', costMicros, currency: 'CNY', action: 'Hold', warnPermille: 300 }],
        }),
      ]);
    const budgetOf = (object: Queue) => object.status?.budgets?.[0];
    const microsPerSecond = 20_000;
    await chat(100_000);
    await untilQueue('chat', 'counted', (object) => budgetOf(object)?.used === 0);
    await applyAll(hub, [training('spender', 'chat', 1)]);
    await running('spender');
    const spent = await untilQueue(
      'chat',
      'exhausted',
      (object) => budgetOf(object)?.state === 'Exhausted' && readyOf(object)?.reason === 'BudgetExhausted',
    );
    expect(budgetOf(spent)).toMatchObject({ period: 'Year', measure: 'costMicros', currency: 'CNY', limit: 100_000 });
    expect(budgetOf(spent)?.used).toBeGreaterThanOrEqual(100_000);
    const within = spent.status?.conditions?.find((entry) => entry.type === 'WithinBudget');
    expect(within).toMatchObject({ status: 'False', reason: 'BudgetExhausted' });
    expect(within?.message).toMatch(/ of 0\.10 CNY of the year are used; it resets at 20\d\d-12-31T16:00:00Z/);
    await applyAll(hub, [training('late', 'chat', 1), training('neighbour', 'weather', 1)]);
    await running('neighbour');
    const late = await untilTraining('late', 'held', (object) => admittedOf(object)?.reason === 'BudgetExhausted');
    expect(admittedOf(late)?.message).toMatch(
      /^queue chat has used .* of 0\.10 CNY .* resets at .*, or the budget is raised/,
    );
    expect((await running('spender')).status?.attempt).toBe(1);
    await eventually('events', async () => {
      const { items } = await hub.list<KubeObject & { reason: string }>(EVENTS, { namespace: 'default' });
      const reasons = items.filter(({ metadata }) => metadata.name.startsWith('chat.')).map(({ reason }) => reason);
      return reasons.includes('BudgetNearlyUsed') && reasons.includes('BudgetExhausted');
    });
    expect(await operator.metrics.expose(() => {})).toMatch(
      /aidc_queue_budget_exhausted\{queue="chat",period="Year",measure="costMicros",currency="CNY"\} 1/,
    );
    await operator.stop();
    operator = await startOperator(centre.environment);
    await hub.mergePatch(TRAININGS, { namespace: 'team', name: 'spender', body: { spec: { suspend: true } } });
    const stopped = await untilTraining('spender', 'Suspended', (object) => object.status?.phase === 'Suspended');
    const used = stopped.status?.usage?.costMicros ?? 0;
    const closed = await untilQueue(
      'chat',
      'closed',
      (object) => (budgetOf(object)?.used ?? 0) >= used - microsPerSecond,
    );
    expect(budgetOf(closed)?.used).toBeLessThan(used + 5 * microsPerSecond);
    expect(budgetOf(closed)?.countedFrom).toBe(budgetOf(spent)?.countedFrom);
    expect((await untilTraining('late', 'looked at', () => true)).status?.admission).toBeUndefined();
    // What has no known end may start; what declares that it may run for a year would use more than that is.
    await chat(50_000_000);
    await applyAll(hub, [training('declared', 'chat', 1, { activeDeadlineSeconds: 31_536_000 })]);
    await running('late');
    const held = await untilTraining('declared', 'held', (object) => admittedOf(object)?.reason === 'BudgetCommitted');
    expect(admittedOf(held)?.message).toMatch(
      /^it is expected to use [\d,.]+ CNY before it ends or the year does, and [\d.]+ CNY of the budget of queue chat are left: of 50\.00 CNY /,
    );
    await chat(1_000_000_000_000);
    await running('declared');
    await untilReason('chat', 'Ready');
    await remove('spender', 'late', 'declared', 'neighbour');
    await applyAll(hub, [queue('chat', { parent: 'centre', quota, namespaceSelector: {} })]);
    await untilQueue('chat', 'no budget', ({ status }) => status?.budgets === undefined);
  });

  it('is written at most once a second, however much happens', async () => {
    const versions = new Set<string>();
    const started = Date.now();
    const names = Array.from({ length: 60 }, (_, i) => `burst-${i}`);
    let looking = true;
    const look = (async () => {
      while (looking) {
        const object = await hub.get<Queue>(QUEUES, { name: 'chat' });
        versions.add(object.metadata.resourceVersion ?? '');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    await applyAll(
      hub,
      names.map((name) => training(name, 'chat', 7)),
    );
    const all = await untilQueue('chat', 'all wait', (object) => object.status?.pending === names.length);
    await untilQueue('chat', 'all were looked at', ({ status }) =>
      (status?.pendingByReason ?? []).every((entry) => entry.reason === 'ExceedsMaxQuota'),
    );
    looking = false;
    await look;
    expect(versions.size).toBeLessThanOrEqual((Date.now() - started) / 1000 + 2);
    expect(placesOf(all)).toHaveLength(60);
    expect(new Set(placesOf(all)).size).toBe(60);
    await Promise.all(names.map((name) => hub.delete(TRAININGS, { namespace: 'team', name })));
    await untilQueue('chat', 'empty', (object) => object.status?.pending === 0);
  });
});
