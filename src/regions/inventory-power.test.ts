import { describe, expect, it } from 'vitest';
import { runKey } from '../api/index.ts';
import { Inventory } from './inventory.ts';
import { aForeignPod, aNode, aPod, gpus, H100 } from './testing.ts';

const RUN = runKey('u1', 1);
const perPod = { cpuMilli: 8000, memoryMi: 1000, gpuMilli: 4000 };

function inventory(...nodes: ReturnType<typeof aNode>[]): Inventory {
  const result = new Inventory();
  result.setAccelerators([{ ...H100, minPowerLimitWatts: 200 }]);
  for (const node of nodes) result.upsertNode(node);
  return result;
}

describe('the power that is reckoned with', () => {
  it('is reserved from the decision on, once, until reservation and pods are both gone', () => {
    const tested = inventory(aNode('n1'), aNode('n2'));
    expect(tested.power()).toEqual({ boardWatts: 0, nodeShare: 0 });
    tested.reserve({ run: RUN, nodes: ['n1', 'n2'], perPod });
    const held = { boardWatts: 8 * 700, nodeShare: 1 };
    expect(tested.power()).toEqual(held);
    tested.upsertPod(aPod('p1', 'n1', gpus(4, 8000, 1000)), RUN);
    tested.upsertPod(aPod('p2', 'n2', gpus(4, 8000, 1000)), RUN);
    expect(tested.power()).toEqual(held);
    tested.release(RUN);
    expect(tested.power()).toEqual(held);
    tested.removePod('p1');
    tested.removePod('p2');
    expect(tested.power()).toEqual({ boardWatts: 0, nodeShare: 0 });
  });

  it('counts caps of reservations, and pods without one in full', () => {
    const tested = inventory(aNode('n1'), aNode('n2'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod: { ...perPod, capWatts: 300 } });
    expect(tested.power().boardWatts).toBe(4 * 300);
    tested.upsertPod(aPod('unknown', 'n2', gpus(2)), 'stranger/1');
    expect(tested.power().boardWatts).toBe(4 * 300 + 2 * 700);
  });

  it('counts pods of others on accelerators, and not what they run beside them', () => {
    const tested = inventory(aNode('n1'));
    tested.upsertForeignPod(aForeignPod('f1', 'n1', gpus(2, 48_000)));
    tested.upsertForeignPod(aForeignPod('f2', 'n1', gpus(0, 48_000)));
    expect(tested.power()).toEqual({ boardWatts: 1400, nodeShare: 0.25 });
  });

  it('counts our work without boards by its part of the node', () => {
    const tested = inventory(aNode('n1'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod: { cpuMilli: 24_000, memoryMi: 1, gpuMilli: 0 } });
    expect(tested.power()).toEqual({ boardWatts: 0, nodeShare: 0.25 });
  });

  it('stays reserved for a node that is away, and tells those that wait when it is given back', () => {
    const tested = inventory(aNode('n1'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod });
    tested.removeNode('n1');
    expect(tested.power()).toEqual({ boardWatts: 2800, nodeShare: 1 });
    const before = tested.grown().get('') ?? 0;
    tested.release(RUN);
    expect(tested.power()).toEqual({ boardWatts: 0, nodeShare: 0 });
    expect(tested.grown().get('')).toBeGreaterThan(before);
  });

  it('follows what is declared of the boards', () => {
    const tested = inventory(aNode('n1'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod });
    tested.setAccelerators([{ ...H100, boardWatts: 500 }]);
    expect(tested.power().boardWatts).toBe(2000);
    // All boards are lost while they are held: the node still runs.
    tested.upsertNode(aNode('n1', 0));
    expect(tested.power().nodeShare).toBeLessThanOrEqual(1);
  });
});
