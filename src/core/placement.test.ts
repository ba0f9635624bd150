import { describe, expect, it } from 'vitest';
import type { GangRequest } from './model.ts';
import { ClusterScratch, placeGang } from './placement.ts';
import { tolerates } from './suitability.ts';
import { cluster, manyNodes, type NodeSpec, nodes, request } from './testing/build.ts';

const place = (specs: readonly NodeSpec[], asked: Partial<GangRequest>, boards = 8, avoid?: ReadonlySet<string>) =>
  placeGang(cluster('guian', { nodes: nodes(specs) }), request(asked), boards > 0 ? 0 : -1, boards * 1000, avoid);

describe('a gang', () => {
  it('takes the nodes with the fewest boards left over', () => {
    const specs = [
      { name: 'a', gpusFree: 8 },
      { name: 'b', gpusFree: 2 },
      { name: 'c', gpusFree: 3 },
    ];
    expect(place(specs, { pods: 1 }, 2)).toEqual({ nodes: ['b'] });
    expect(place(specs, { pods: 1 }, 3)).toEqual({ nodes: ['c'] });
    expect(place(specs, { pods: 2 }, 2)).toEqual({ nodes: ['a', 'a'] });
  });

  it('prefers a partly used node to an idle one with as many free boards, then goes by name', () => {
    const specs = [
      { name: 'n-10', gpus: 4 },
      { name: 'n-2', gpus: 4 },
      { name: 'n-9', gpus: 8, gpusFree: 4, cpuFree: 64_000 },
    ];
    expect(place(specs, { pods: 1 }, 4)).toEqual({ nodes: ['n-9'] });
    expect(place(specs, { pods: 3 }, 4)).toEqual({ nodes: ['n-2', 'n-9', 'n-10'] });
  });

  it('goes to one node when one can hold it, else several pods share nodes', () => {
    const specs = [{ name: 'a', gpusFree: 1 }, { name: 'b', gpusFree: 3 }, { name: 'c' }];
    expect(place(specs, { pods: 4 }, 1)).toEqual({ nodes: ['c', 'c', 'c', 'c'] });
    expect(place(specs, { pods: 9 }, 1)).toEqual({ nodes: ['a', 'b', 'b', 'b', 'c', 'c', 'c', 'c', 'c'] });
  });

  it('has ranks in which nodes of a rack stand together', () => {
    const at = (block: string, rack: string) => ({ labels: { 'aidc.dev/block': block, 'aidc.dev/rack': rack } });
    const specs = [
      { name: 'n1', ...at('b1', 'r2') },
      { name: 'n2', ...at('b2', 'r1') },
      { name: 'n3', ...at('b1', 'r1') },
      { name: 'n4', ...at('b1', 'r2') },
    ];
    expect(place(specs, { pods: 4 })).toEqual({ nodes: ['n3', 'n1', 'n4', 'n2'] });
  });

  it('is placed whole or not at all, with the numbers', () => {
    const specs = [{ name: 'a' }, { name: 'b', gpusFree: 7 }, { name: 'c', usable: false }];
    expect(place(specs, { pods: 2 })).toMatchObject({
      short: {
        neededPods: 2,
        fittingPods: 1,
        why: 'boards',
        podsByWhy: 1,
        nodes: 3,
        idlePods: 3,
        idleNodes: 3,
        idleBoards: 24,
      },
    });
  });

  it('says when cpu, memory or pod slots are short though the boards would do', () => {
    const two = (over: Partial<NodeSpec>) => [{ name: 'a', ...over }, { name: 'b' }];
    expect(place(two({ cpuFree: 7999 }), { pods: 2 })).toMatchObject({
      short: { why: 'cpu', podsByWhy: 1, byBoards: 2 },
    });
    expect(place(two({ memoryFree: 1 }), { pods: 2 })).toMatchObject({ short: { why: 'memory', fittingPods: 1 } });
    expect(place(two({ podsFree: 0 }), { pods: 2 })).toMatchObject({ short: { why: 'pods', fittingPods: 1 } });
  });

  it('stays off nodes that are unusable, avoided, of another type or without the boards they had', () => {
    const specs = [
      { name: 'lost', gpusFree: -2 },
      { name: 'cordoned', usable: false },
      { name: 'avoided' },
      { name: 'other', accelerator: 1 },
      { name: 'good' },
    ];
    expect(place(specs, { pods: 1 }, 8, new Set(['avoided']))).toEqual({ nodes: ['good'] });
    expect(place(specs, { pods: 2 }, 8, new Set(['avoided']))).toMatchObject({
      short: { fittingPods: 1, avoidedNodes: 1 },
    });
  });

  it('obeys nodeSelector and taints', () => {
    const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
    const specs = [{ name: 'a', taints: [taint] }, { name: 'b', labels: { zone: 'x' } }, { name: 'c' }];
    expect(place(specs, { pods: 3 })).toMatchObject({ short: { fittingPods: 2, suitableNodes: 2, nodes: 3 } });
    expect(place(specs, { pods: 3, tolerations: [{ key: 'gpu', operator: 'Exists' }] })).toEqual({
      nodes: ['a', 'b', 'c'],
    });
    expect(place(specs, { pods: 1, nodeSelector: { zone: 'x' } })).toEqual({ nodes: ['b'] });
  });

  it('of CPU only goes where no boards are stranded', () => {
    const specs = [{ name: 'gpu' }, { name: 'full', gpusFree: 0, cpuFree: 4000 }, { name: 'plain', gpus: 0 }];
    expect(place(specs, { pods: 1, accelerators: [] }, 0)).toEqual({ nodes: ['plain'] });
    expect(place(specs, { pods: 1, accelerators: [], cpuMilli: 4000, nodeSelector: {} }, 0)).toEqual({
      nodes: ['plain'],
    });
    expect(place(specs, { pods: 33, accelerators: [], memoryMi: 1 }, 0)).toMatchObject({
      short: { fittingPods: 32, why: 'cpu' },
    });
  });

  it('reports what it strands and the share of nodes it takes', () => {
    const scratch = new ClusterScratch(cluster('guian', { nodes: manyNodes(2) }));
    const shape = scratch.shape(request(), 0, 3000);
    expect(scratch.fit(3, shape)).toMatchObject({ strandedBoards: 7, nodeShare: 9 / 8, pods: [2, 1] });
  });
});

describe('a scratch', () => {
  it('remembers what was taken and leaves the view as it was', () => {
    const view = cluster('guian', { nodes: manyNodes(2) });
    const before = structuredClone(view);
    const scratch = new ClusterScratch(view);
    const shape = scratch.shape(request(), 0, 5000);
    const first = scratch.fit(1, shape);
    if (first !== undefined) scratch.commit(first, shape);
    const second = scratch.fit(1, shape);
    if (second !== undefined) scratch.commit(second, shape);
    expect([first?.rows, second?.rows, scratch.fit(1, shape)]).toEqual([[0], [1], undefined]);
    expect(scratch.room(shape)).toMatchObject({ fittingPods: 0, idlePods: 2 });
    expect(view).toEqual(before);
  });
});

describe('a scratch of a table that its owner changes in place', () => {
  it('goes on with what it saw first', () => {
    const view = cluster('guian', { nodes: manyNodes(2, { gpusFree: 8 }) });
    const scratch = new ClusterScratch(view);
    const shape = scratch.shape(request(), 0, 8000);
    view.nodes.gpuTotal.fill(16_000);
    view.nodes.accelerator.fill(1);
    view.nodes.usable.fill(0);
    const first = scratch.fit(1, shape);
    if (first !== undefined) scratch.commit(first, shape);
    expect(scratch.fit(2, shape)).toBeUndefined();
    expect(scratch.fit(1, shape)?.rows).toEqual([1]);
    expect(scratch.room(shape)).toMatchObject({ fittingPods: 1, nodes: 2 });
  });
});

describe('what is given back for a trial and taken again', () => {
  it.each([
    ['a cordoned node', { usable: false }],
    ['a node with no room for a pod', { podsFree: 0 }],
  ])('on %s leaves the others to be found', (_what, over) => {
    const names = [
      { name: 'odd', gpusFree: 2, ...over },
      { name: 'good', gpusFree: 2 },
    ];
    const scratch = new ClusterScratch(cluster('guian', { nodes: nodes(names) }));
    const pod = { gpuMilli: 2000, cpuMilli: 1000, memoryMi: 1 };
    const shape = scratch.shape(request({ cpuMilli: 1000, memoryMi: 1 }), 0, 2000);
    scratch.charge(['odd', 'odd'], pod, -1);
    scratch.charge(['odd', 'odd'], pod, 1);
    expect(scratch.fit(1, shape)?.rows).toEqual([1]);
  });
});

describe('a toleration', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  it.each([
    [{ key: 'k', operator: 'Equal', value: 'v' }, true],
    [{ key: 'k', value: 'v' }, true],
    [{ key: 'k', value: 'w' }, false],
    [{ key: 'k', operator: 'Exists' }, true],
    [{ operator: 'Exists' }, true],
    [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
    [{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }, true],
    [{ key: 'j', operator: 'Exists' }, false],
    [{}, false],
  ] as const)('%j covers the taint: %s', (toleration, covers) => {
    expect(tolerates(toleration, taint)).toBe(covers);
  });
});
