import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import { added, decayed, entryPenalty, PresentUse } from './fair-share.ts';
import type { QueueCharge, QueueView, Workload } from './model.ts';
import { cluster, manyNodes, NOON, queue, snapshot, workload } from './testing/build.ts';

const H = 3_600_000;
const any = (milliGpus: number): QueueCharge => ({ accelerator: '*', region: '*', milliGpus });
const only = (list: readonly QueueCharge[]): number => list[0]?.milliGpus ?? 0;
const own = (boards: number) => [{ accelerator: '*', region: '*', nominal: boards * 1000 }];
const root = (over: Partial<QueueView> = {}): QueueView =>
  queue('root', { quota: own(64), fairShare: { halfLifeMs: H, entryPenaltyMs: 0 }, ...over });
const leaf = (name: string, boards = 0, over: Partial<QueueView> = {}): QueueView =>
  queue(name, { parent: 'root', quota: own(boards), ...over });

describe('the mean of past use', () => {
  it('comes half way to the present use in each half-life', () => {
    expect(only(decayed([any(8000)], [], H, H))).toBeCloseTo(4000);
    expect(only(decayed([], [any(8000)], H, H))).toBeCloseTo(4000);
    expect(only(decayed([any(8000)], [any(16_000)], 2 * H, H))).toBeCloseTo(14_000);
    expect(decayed([any(8000)], [], 100 * H, H)).toEqual([]);
  });

  it('is the same however often it is reckoned, and never beyond what was used', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), fc.array(fc.nat(H), { maxLength: 10 }), (past, now, steps) => {
        let many: QueueCharge[] = [any(past)];
        for (const step of steps) many = decayed(many, [any(now)], step, H);
        const all = steps.reduce((sum, step) => sum + step, 0);
        expect(only(many)).toBeCloseTo(only(decayed([any(past)], [any(now)], all, H)), 2);
        expect(only(many)).toBeLessThanOrEqual(Math.max(past, now) + 1e-6);
      }),
    );
  });

  it('adds up by key', () => {
    const a100 = { accelerator: 'A100', region: 'guian', milliGpus: 1 };
    expect(added([any(1), a100], [any(2)])).toEqual([any(3), a100]);
  });
});

describe('what becomes the past', () => {
  const queues = [root({ fairShare: { halfLifeMs: H, entryPenaltyMs: H } }), leaf('a', 8), leaf('b')];
  const entry = (name: string, boards: number, isNew: boolean) => ({
    queue: name,
    charges: [any(boards * 1000)],
    isNew,
  });

  it('is only what a queue below such a root uses above its own', () => {
    const present = new PresentUse([...queues, queue('other')], [entry('a', 12, false), entry('b', 8, false)]);
    expect([...present.counted().keys()].sort()).toEqual(['a', 'b']);
    expect(present.borrowed('a')).toEqual([any(4000)]);
    expect(present.borrowed('b')).toEqual([any(8000)]);
    expect(
      new PresentUse(
        [root({}), leaf('a')].map(({ fairShare: _, ...rest }) => rest),
        [],
      ).counted().size,
    ).toBe(0);
  });

  it('has what is new pay once for the part that is above its own', () => {
    const present = new PresentUse(queues, [entry('a', 10, true), entry('b', 8, false)]);
    expect(present.penalties()).toEqual(new Map([['a', [any(1000)]]]));
    expect(entryPenalty({ halfLifeMs: H, entryPenaltyMs: H })).toBe(0.5);
    expect(entryPenalty({ halfLifeMs: H, entryPenaltyMs: 0 })).toBe(0);
  });
});

describe('whose turn it is', () => {
  const many = (name: string, count: number, over: Partial<Workload> = {}): Workload[] =>
    Array.from({ length: count }, (_, i) => workload(`${name}${i}`, { queue: name, queuedAt: i, ...over }));
  const admitted = (queues: QueueView[], list: Workload[], past: [string, QueueCharge[]][], nodes = 8): string[] =>
    runCycle(
      list,
      snapshot({ queues, clusters: [cluster('guian', { nodes: manyNodes(nodes) })], past: new Map(past) }),
      NOON,
    ).admitted.map(({ workload: { key } }) => key);
  const count = (keys: string[], name: string): number => keys.filter((key) => key.startsWith(name)).length;

  it('goes to who borrowed less in the past, until use now makes up for it', () => {
    const list = [...many('a', 8), ...many('b', 8)];
    const queues = [root(), leaf('a'), leaf('b')];
    expect(count(admitted(queues, list, []), 'a')).toBe(4);
    expect(count(admitted(queues, list, [['a', [any(16_000)]]]), 'a')).toBe(3);
    expect(admitted(queues, list, [['a', [any(32_000)]]]).slice(0, 4)).toEqual(['b0', 'b1', 'b2', 'b3']);
  });

  it('goes by weight in the past, too', () => {
    const list = [...many('a', 8), ...many('b', 8)];
    const queues = [root(), leaf('a', 0, { weight: 2 }), leaf('b')];
    expect(
      admitted(queues, list, [
        ['a', [any(16_000)]],
        ['b', [any(8000)]],
      ]).slice(0, 3),
    ).toEqual(['a0', 'b0', 'a1']);
  });

  it('is not touched by the past of a queue that stays within its own', () => {
    const list = [...many('a', 2), ...many('b', 2)];
    expect(admitted([root(), leaf('a', 8), leaf('b')], list, [['a', [any(64_000)]]])[0]).toBe('a0');
  });

  it('a burst pays on entry within the cycle', () => {
    const list = [...many('a', 4), ...many('b', 8)];
    const aheadOfA = (entryPenaltyMs: number): string[] => {
      const queues = [root({ fairShare: { halfLifeMs: H, entryPenaltyMs } }), leaf('a'), leaf('b')];
      const keys = admitted(queues, list, [['a', [any(32_000)]]]);
      return keys.slice(0, keys.indexOf('a0'));
    };
    expect(aheadOfA(0)).toEqual(['b0', 'b1', 'b2', 'b3']);
    // All of a charge counts twice: as used now, and as used before.
    expect(aheadOfA(100 * H)).toEqual(['b0', 'b1']);
  });
});
