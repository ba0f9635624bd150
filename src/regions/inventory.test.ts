import { describe, expect, it } from 'vitest';
import { runKey } from '../api/index.ts';
import { Inventory } from './inventory.ts';
import { aForeignPod, aNode, aPod, gpus, H100 } from './testing.ts';

const RUN = runKey('u1', 1);
const perPod = { cpuMilli: 8000, memoryMi: 1000, gpuMilli: 4000 };

function inventory(...nodes: ReturnType<typeof aNode>[]): Inventory {
  const result = new Inventory();
  result.setAccelerators([H100]);
  for (const node of nodes) result.upsertNode(node);
  return result;
}

const freeBoards = (from: Inventory): number[] => [...from.table().gpuFree].map((milli) => milli / 1000);

describe('what a node is charged', () => {
  it('is the larger of reservation and pods, never both', () => {
    const tested = inventory(aNode('n1'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod });
    expect(freeBoards(tested)).toEqual([4]);
    tested.upsertPod(aPod('p1', 'n1', gpus(4, 8000, 1000)), RUN);
    expect(freeBoards(tested)).toEqual([4]);
    tested.release(RUN);
    expect(freeBoards(tested)).toEqual([4]);
    tested.removePod('p1');
    expect(freeBoards(tested)).toEqual([8]);
  });

  it('follows a pod that takes more than was reserved', () => {
    const tested = inventory(aNode('n1'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod });
    tested.upsertPod(aPod('p1', 'n1', gpus(6)), RUN);
    expect(freeBoards(tested)).toEqual([2]);
  });

  it('counts several pods of a run on one node', () => {
    const tested = inventory(aNode('n1'), aNode('n2'));
    tested.reserve({ run: RUN, nodes: ['n1', 'n1', 'n2'], perPod: { ...perPod, gpuMilli: 2000 } });
    expect(freeBoards(tested)).toEqual([4, 6]);
    expect([...tested.table().podsFree]).toEqual([108, 109]);
  });

  it('a finished pod gives its node back', () => {
    const tested = inventory(aNode('n1'));
    tested.upsertPod(aPod('p1', 'n1', gpus(8)), RUN);
    tested.upsertPod(aPod('p1', 'n1', gpus(8), 'Succeeded'), RUN);
    expect(freeBoards(tested)).toEqual([8]);
  });

  it('a reservation on a node that is not there waits for it', () => {
    const tested = inventory(aNode('n1'));
    tested.reserve({ run: RUN, nodes: ['n2'], perPod });
    tested.upsertNode(aNode('n2'));
    expect(freeBoards(tested)).toEqual([8, 4]);
    tested.removeNode('n2');
    tested.upsertNode(aNode('n2'));
    expect(freeBoards(tested)).toEqual([8, 4]);
  });

  it('goes below zero when boards are lost', () => {
    const tested = inventory(aNode('n1'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod: { ...perPod, gpuMilli: 8000 } });
    tested.upsertNode(aNode('n1', 6));
    expect(freeBoards(tested)).toEqual([-2]);
    expect(tested.summary()[0]?.free).toBe(0);
  });

  it('keeps a pod whose label changed exactly once, in either order of the two watches', () => {
    for (const order of ['ours first', 'foreign first']) {
      const tested = inventory(aNode('n1'));
      tested.upsertForeignPod(aForeignPod('p1', 'n1', gpus(2)));
      const steps = [() => tested.upsertPod(aPod('p1', 'n1', gpus(2)), RUN), () => tested.removeForeignPod('p1')];
      for (const step of order === 'ours first' ? steps : steps.reverse()) step();
      expect(freeBoards(tested), order).toEqual([6]);
      tested.removePod('p1');
      expect(freeBoards(tested), order).toEqual([8]);
    }
  });

  it('moves a pod whose attempt label changed', () => {
    const tested = inventory(aNode('n1'));
    tested.upsertPod(aPod('p1', 'n1', gpus(2)), RUN);
    tested.upsertPod(aPod('p1', 'n1', gpus(2)), runKey('u1', 2));
    expect(freeBoards(tested)).toEqual([6]);
    tested.removePod('p1');
    expect(freeBoards(tested)).toEqual([8]);
  });

  it('reserving a run again replaces what it had', () => {
    const tested = inventory(aNode('n1'), aNode('n2'));
    tested.reserve({ run: RUN, nodes: ['n1'], perPod });
    tested.reserve({ run: RUN, nodes: ['n2'], perPod });
    expect(freeBoards(tested)).toEqual([8, 4]);
  });
});

describe('the table', () => {
  it('marks what cannot be used', () => {
    const tested = inventory(
      aNode('ok'),
      aNode('cordoned', 8, { unschedulable: true }),
      aNode('down', 8, { ready: false }),
    );
    expect([...tested.table().usable]).toEqual([1, 0, 0]);
    expect(tested.summary()).toEqual([
      { type: 'H100', nodes: 3, total: 24, allocatable: 8, reserved: 0, usedByOthers: 0, free: 8, largestFreeGang: 1 },
    ]);
  });

  it('gives each node the first type that it matches', () => {
    const tested = inventory(
      aNode('a', 8, { metadata: { ...aNode('a').metadata, labels: { model: 'a100' } } }),
      aNode('b'),
      aNode('c', 0),
    );
    tested.setAccelerators([{ ...H100, type: 'A100', nodeSelector: { model: 'a100' } }, H100]);
    expect([...tested.table().accelerator]).toEqual([0, 1, -1]);
  });

  it('does not change its version for a heartbeat or a pod that says the same', () => {
    const tested = inventory(aNode('n1'));
    tested.upsertPod(aPod('p1', 'n1', gpus(2)), RUN);
    tested.upsertForeignPod(aForeignPod('f1', 'n1', gpus(1)));
    const { version } = tested;
    tested.upsertNode(aNode('n1', 8, { metadata: { ...aNode('n1').metadata, resourceVersion: '2' } }));
    tested.upsertPod(aPod('p1', 'n1', gpus(2)), RUN);
    tested.upsertForeignPod(aForeignPod('f1', 'n1', gpus(1)));
    expect(tested.version).toBe(version);
    tested.upsertNode(aNode('n1', 8, { unschedulable: true }));
    expect(tested.version).toBeGreaterThan(version);
  });

  it('does not keep label sets of nodes that are gone', () => {
    const tested = inventory();
    for (let round = 0; round < 50; round += 1) {
      const node = aNode('n', 8, { metadata: { ...aNode('n').metadata, labels: { round: String(round) } } });
      tested.upsertNode(node);
      tested.table();
      tested.removeNode('n');
    }
    expect(tested.table().labelSets.length).toBe(0);
  });
});

describe('boards that a device plugin offers several times each', () => {
  it('have as many units as parts, whatever is offered', () => {
    const share = (permille: number, replicas: number): number[] => {
      const tested = new Inventory();
      tested.setAccelerators([{ ...H100, board: { type: 'H100', permille, replicas } }]);
      tested.upsertNode(aNode('n1', 20));
      return freeBoards(tested);
    };
    // Two boards, offered ten times each.
    expect(share(250, 10)).toEqual([8]);
    expect(share(300, 10)).toEqual([6]);
    expect(share(1000, 10)).toEqual([2]);
    expect(share(50, 10)).toEqual([20]);
  });
});

describe('room that grew', () => {
  /** How often it did since the last call, on nodes with boards and on any. */
  function growth(tested: Inventory): () => [boards: number, any: number] {
    let before: [number, number] = [0, 0];
    const look = (): [number, number] => {
      tested.table();
      const grown = tested.grown();
      const now: [number, number] = [grown.get('H100') ?? 0, grown.get('') ?? 0];
      const since: [number, number] = [now[0] - before[0], now[1] - before[1]];
      before = now;
      return since;
    };
    look();
    return look;
  }

  it('is counted when something is given back, and not when something is taken or stays', () => {
    const tested = inventory(aNode('n1'), aNode('n2'));
    const since = growth(tested);
    tested.reserve({ run: RUN, nodes: ['n1'], perPod });
    tested.upsertPod(aPod('p1', 'n1', gpus(4, 8000, 1000)), RUN);
    expect(since()).toEqual([0, 0]);
    tested.upsertNode(aNode('n1'));
    tested.release(RUN);
    expect(since()).toEqual([0, 0]);
    tested.removePod('p1');
    expect(since()).toEqual([1, 1]);
    tested.upsertForeignPod(aForeignPod('f', 'n2', gpus(1)));
    expect(since()).toEqual([0, 0]);
    tested.removeForeignPod('f');
    expect(since()).toEqual([1, 1]);
  });

  it('is counted when a node comes into service, is new, or becomes another kind of node', () => {
    const tested = inventory(aNode('n1', 8, { ready: false }));
    const since = growth(tested);
    tested.upsertNode(aNode('n1'));
    expect(since()).toEqual([1, 1]);
    tested.upsertNode(aNode('n1', 8, { ready: false }));
    expect(since()).toEqual([0, 0]);
    tested.upsertNode(aNode('n2'));
    expect(since()).toEqual([1, 1]);
    tested.upsertNode(aNode('n1', 8, { ready: false, taints: [{ key: 'k', effect: 'NoSchedule' }] }));
    expect(since()).toEqual([1, 1]);
  });

  it('never falls, also when the list of accelerators changes', () => {
    const tested = inventory(aNode('n1'));
    const since = growth(tested);
    tested.upsertForeignPod(aForeignPod('f', 'n1', gpus(1)));
    expect(since()).toEqual([0, 0]);
    tested.removeForeignPod('f');
    tested.table();
    tested.setAccelerators([{ ...H100, type: 'H800' }]);
    expect(since()[1]).toBeGreaterThan(0);
    tested.setAccelerators([H100]);
    expect(since()[0]).toBeGreaterThan(0);
  });
});
