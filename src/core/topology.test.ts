import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import type { ClusterView, TopologyRequest } from './model.ts';
import { ClusterScratch } from './placement.ts';
import { cluster, NOON, type NodeSpec, nodes, request, snapshot, workload } from './testing/build.ts';
import { boundOf, searchesOf } from './topology.ts';

/** Nodes `<rack>-<number>`, racks by block: `{ b1: { r1: 4, r2: 2 } }`. */
function racks(blocks: Record<string, Record<string, number>>, over: Record<string, Partial<NodeSpec>> = {}) {
  const specs = Object.entries(blocks).flatMap(([block, ofBlock]) =>
    Object.entries(ofBlock).flatMap(([rack, count]) =>
      Array.from({ length: count }, (_, i) => {
        const name = `${rack}-${i + 1}`;
        return { name, labels: { 'aidc.dev/block': block, 'aidc.dev/rack': rack }, ...over[name] };
      }),
    ),
  );
  return cluster('guian', { nodes: nodes(specs) });
}

const asked = (topology: Partial<TopologyRequest>): TopologyRequest => ({ slices: [], ...topology });

function place(view: ClusterView, pods: number, topology: Partial<TopologyRequest>, boards = 8, previous?: string[]) {
  const scratch = new ClusterScratch(view);
  const shape = scratch.shape(request({ topology: asked(topology), cpuMilli: 0, memoryMi: 0 }), 0, boards * 1000);
  const fit = scratch.fit(pods, shape, new Set(), previous);
  return fit === undefined ? undefined : scratch.nodeNames(fit);
}

function waits(view: ClusterView | ClusterView[], pods: number, topology: Partial<TopologyRequest>): string {
  const one = workload('w', { request: { pods, topology: asked(topology) } });
  const [answer] = runCycle([one], snapshot({ clusters: [view].flat() }), NOON).pending;
  return answer === undefined ? 'admitted' : `${answer.reason}: ${answer.message}`;
}

const names = (rack: string, count: number) => Array.from({ length: count }, (_, i) => `${rack}-${i + 1}`);
const used = { gpusFree: 0 };

describe('a required level', () => {
  it('takes the tightest domain that holds the whole gang, so that large ones stay free', () => {
    const view = racks({ b1: { r1: 8, r2: 4, r3: 2 } });
    expect(place(view, 2, { required: 'Rack' })).toEqual(names('r3', 2));
    expect(place(view, 3, { required: 'Rack' })).toEqual(names('r2', 3));
    expect(place(view, 5, { required: 'Rack' })).toEqual(names('r1', 5));
    expect(place(view, 9, { required: 'Rack' })).toBeUndefined();
    expect(place(view, 9, { required: 'Block' })).toEqual([...names('r1', 8), 'r2-1'].sort());
  });

  it('counts what is free now', () => {
    const view = racks(
      { b1: { r1: 3, r2: 3 } },
      { 'r1-2': used, 'r2-1': { usable: false }, 'r2-2': { usable: false } },
    );
    expect(place(view, 2, { required: 'Rack' })).toEqual(['r1-1', 'r1-3']);
    expect(place(view, 3, { required: 'Rack' })).toBeUndefined();
  });

  it('tells racks of one name in two blocks apart', () => {
    expect(place(racks({ b1: { r1: 2 }, b2: { r1: 2 } }), 3, { required: 'Rack' })).toBeUndefined();
  });

  it('takes a label of any key, and no node without it', () => {
    const labels = { 'example.com/pod': 'x' };
    const view = cluster('guian', { nodes: nodes([{ name: 'a' }, { name: 'b', labels }, { name: 'c', labels }]) });
    expect(place(view, 2, { required: 'example.com/pod' })).toEqual(['b', 'c']);
    expect(place(view, 3, { required: 'example.com/pod' })).toBeUndefined();
  });

  it('of a host needs no label', () => {
    const view = cluster('guian', { nodes: nodes([{ name: 'a', gpusFree: 4 }, { name: 'b' }]) });
    expect(place(view, 4, { required: 'Host' }, 1)).toEqual(['a', 'a', 'a', 'a']);
    expect(place(view, 9, { required: 'Host' }, 1)).toBeUndefined();
  });
});

describe('a preferred level', () => {
  it('is kept where one domain holds the gang', () => {
    expect(place(racks({ b1: { r1: 2, r2: 4 } }), 4, { preferred: 'Rack' })).toEqual(names('r2', 4));
  });

  it('else is one of the next wider level, over as few domains as can be, the last one tight', () => {
    const view = racks({ b1: { r1: 3, r2: 3 }, b2: { r3: 4, r4: 1, r5: 2, r6: 2 } });
    expect(place(view, 7, { preferred: 'Rack' })).toEqual([...names('r3', 4), 'r4-1', ...names('r5', 2)]);
    expect(place(view, 5, { preferred: 'Rack' })).toEqual([...names('r1', 3), ...names('r2', 2)]);
    expect(place(view, 6, { preferred: 'Rack' })).toEqual([...names('r1', 3), ...names('r2', 3)]);
    expect(place(view, 15, { preferred: 'Rack' })).toHaveLength(15);
  });

  it('goes no wider than what is required', () => {
    const view = racks({ b1: { r1: 3 }, b2: { r2: 2, r3: 2 } });
    expect(place(view, 4, { required: 'Block', preferred: 'Rack' })).toEqual([...names('r2', 2), ...names('r3', 2)]);
    expect(place(view, 5, { required: 'Block', preferred: 'Rack' })).toBeUndefined();
    expect(place(view, 3, { required: 'Rack', preferred: 'Block' })).toEqual(names('r1', 3));
  });

  it('takes nodes without the label last', () => {
    const view = racks({ b1: { '': 4, r1: 2, r2: 2 } });
    expect(place(view, 4, { preferred: 'Rack' })).toEqual([...names('r1', 2), ...names('r2', 2)]);
    expect(place(view, 5, { preferred: 'Rack' })).toEqual(['-1', ...names('r1', 2), ...names('r2', 2)]);
  });
});

describe('slices', () => {
  it('stay whole: consecutive ranks in one domain', () => {
    const view = racks({ b1: { r1: 3, r2: 5 }, b2: { r3: 2 } });
    const pairs = [{ size: 2, required: 'Rack' }];
    expect(place(view, 6, { slices: pairs, required: 'Block' })).toEqual([...names('r1', 2), ...names('r2', 4)]);
    expect(place(view, 8, { slices: pairs })).toEqual([...names('r1', 2), ...names('r2', 4), ...names('r3', 2)]);
    expect(place(view, 8, { slices: pairs, required: 'Block' })).toBeUndefined();
    expect(place(view, 10, { slices: pairs })).toBeUndefined();
  });

  it('lie in each other: tensor-parallel groups in a host, pipelines in a rack', () => {
    const view = racks({ b1: { r1: 2, r2: 3 } }, { 'r1-1': { gpusFree: 7 }, 'r2-2': { gpusFree: 3 } });
    const slices = [
      { size: 8, required: 'Rack' },
      { size: 4, required: 'Host' },
    ];
    const ranks = place(view, 24, { slices }, 1);
    expect(ranks).toEqual(['r1-2', 'r2-1', 'r2-3'].flatMap((node) => Array(8).fill(node)));
    expect(place(view, 32, { slices }, 1)).toBeUndefined();
  });

  it('matter more than a preference that would cut them', () => {
    const at = (rack: string, pod: string) => ({ labels: { 'aidc.dev/rack': rack, 'example.com/pod': pod } });
    const view = cluster('guian', {
      nodes: nodes([
        { name: 'a', ...at('r1', 'x') },
        { name: 'b', ...at('r1', 'y') },
      ]),
    });
    const slices = [{ size: 2, required: 'Rack' }];
    expect(place(view, 2, { slices, preferred: 'example.com/pod' })).toEqual(['a', 'b']);
  });
});

describe('ranks', () => {
  it('follow host, rack and block, numbers by value', () => {
    const view = racks({ b10: { r1: 1 }, b2: { r10: 1, r9: 2 } });
    expect(place(view, 4, { preferred: 'Zone' })).toEqual(['r9-1', 'r9-2', 'r10-1', 'r1-1']);
  });
});

describe('an attempt after another', () => {
  const view = racks({ b1: { r1: 4, r2: 8 } }, { 'r1-2': { usable: false } });
  const before = ['r2-3', 'r2-5', 'r2-7'];

  it('keeps the healthy nodes of the last, and replaces the others', () => {
    expect(place(view, 3, {}, 8, before)).toEqual(before);
    const lost = racks({ b1: { r1: 4, r2: 8 } }, { 'r2-5': { usable: false } });
    const again = place(lost, 3, {}, 8, before) ?? [];
    expect(again).toHaveLength(3);
    expect(again).toEqual(expect.arrayContaining(['r2-3', 'r2-7']));
    expect(again).not.toContain('r2-5');
  });

  it('stays in its domain where that still holds it, though another is tighter', () => {
    expect(place(view, 3, { required: 'Rack' })).toEqual(['r1-1', 'r1-3', 'r1-4']);
    expect(place(view, 3, { required: 'Rack' }, 8, before)).toEqual(before);
  });

  it('leaves where the topology can no longer be had there', () => {
    const full = racks({ b1: { r1: 3, r2: 3 } }, { 'r1-2': used });
    expect(place(full, 3, { required: 'Rack' }, 8, names('r1', 3))).toEqual(names('r2', 3));
    expect(place(full, 3, { preferred: 'Rack' }, 8, names('r1', 3))).toEqual(names('r2', 3));
  });

  it('does so in the cycle, in its own cluster only', () => {
    const clusters = [view, { ...view, name: 'zhongwei', region: 'zhongwei' }];
    const nodesOf = (name: string) =>
      runCycle(
        [workload('w', { request: { pods: 3 }, previous: { cluster: name, nodes: before } })],
        snapshot({ clusters }),
        NOON,
      ).admitted[0];
    expect(nodesOf('guian')).toMatchObject({ cluster: 'guian', nodes: before });
    expect(nodesOf('elsewhere')?.nodes).not.toEqual(before);
  });
});

describe('what is taken', () => {
  it('is counted for the next gang of the cycle', () => {
    const gang = (key: string, over = {}) =>
      workload(key, { request: { pods: 2, topology: asked({ required: 'Rack' }) }, ...over });
    const one = workload('b', { queuedAt: 1 });
    const view = racks({ b1: { r1: 2, r2: 3, r3: 2 } });
    const plan = runCycle(
      [gang('a'), one, gang('c', { queuedAt: 2 }), gang('d', { queuedAt: 3 })],
      snapshot({ clusters: [view] }),
      NOON,
    );
    const taken = plan.admitted.map(({ nodes: list }) => list.join(' '));
    expect(taken).toEqual(['r1-1 r1-2', 'r2-1', 'r2-2 r2-3', 'r3-1 r3-2']);
  });
});

describe('a gang that no domain holds says so', () => {
  it('when enough is free, but not in one', () => {
    const guian = racks({ b1: { r1: 3, r2: 3 } }, { 'r1-1': used, 'r2-1': used, 'r2-2': used });
    const zhongwei = { ...racks({ b1: { r1: 3 } }, { 'r1-1': used, 'r1-2': used, 'r1-3': used }), name: 'zhongwei' };
    expect(waits([guian, zhongwei], 3, { required: 'Rack' })).toBe(
      'InsufficientTopology: needs 3 pods x 8 H100 = 24 in one rack; largest free gang 2 pods (16 H100) in guian (r1), ' +
        '0 in zhongwei; short 1 pod (8 H100), 3 free in all of guian.',
    );
    expect(waits(guian, 4, { slices: [{ size: 2, required: 'Rack' }] })).toBe(
      'InsufficientGPU: needs 4 pods x 8 H100 = 32, every 2 ranks in one rack; largest free gang 2 pods (16 H100) in ' +
        'guian; short 2 pods (16 H100), 3 free in all of guian.',
    );
  });

  it('when not even an idle one would do', () => {
    const view = racks({ b1: { r1: 3, r2: 4 } }, { 'r2-1': { usable: false } });
    expect(waits(view, 5, { required: 'Rack' })).toBe(
      'ExceedsEveryRegion: needs 5 pods x 8 H100 = 40 in one rack; the largest idle gang is 4 pods (32 H100) in guian ' +
        '(r2): 1 pod (8 H100) short.',
    );
    const small = { ...racks({ b1: { r7: 4 } }), name: 'a-small-one' };
    expect(waits([small, view], 5, { required: 'Rack' })).toMatch(/ 4 pods \(32 H100\) in a-small-one \(r7\): 1 pod /);
    expect(waits(view, 8, { required: 'Rack' })).toMatch(
      /^ExceedsEveryRegion: needs 8 nodes x 8 H100 = 64; the largest/,
    );
    expect(waits(view, 2, { required: 'example.com/pod' })).toBe(
      'ExceedsEveryRegion: needs 2 pods x 8 H100 = 16 in one domain of label example.com/pod; no node of guian carries ' +
        'the label example.com/pod.',
    );
  });
});

describe('searches', () => {
  const levels = (topology: Partial<TopologyRequest>) =>
    searchesOf(asked(topology)).map(({ layers, within, few }) => ({
      levels: layers.map(({ level }) => level),
      within,
      few,
    }));

  it('walk up from what is preferred to what is required', () => {
    expect(levels({ preferred: 'Rack' })).toEqual([
      { levels: ['Zone', 'Block', 'Rack'], within: [3, 2, 1, 0], few: 3 },
    ]);
    expect(levels({ required: 'Block', preferred: 'Host' })).toEqual([
      { levels: ['Block', 'Rack', 'Host'], within: [3, 2, 1], few: 3 },
    ]);
    expect(levels({ required: 'Zone', preferred: 'a/b' })).toEqual([
      { levels: ['Zone', 'a/b'], within: [2, 1], few: 2 },
    ]);
  });

  it('put what is preferred around narrower slices, and look without it last', () => {
    const slices = [{ size: 4, required: 'Rack' }];
    expect(levels({ preferred: 'Block', slices })).toEqual([
      { levels: ['Zone', 'Block', 'Rack'], within: [2, 1, 0], few: 2 },
      { levels: ['Rack'], within: [0], few: 0 },
    ]);
    expect(levels({ preferred: 'Rack', slices })[0]).toEqual({
      levels: ['Zone', 'Block', 'Rack'],
      within: [3, 2, 1, 0],
      few: 3,
    });
    expect(boundOf(asked({ required: 'Block', slices })).within).toEqual([1]);
  });
});
