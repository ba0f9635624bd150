import { describe, expect, it } from 'vitest';
import { fragmented } from './fragments.ts';
import { Inventory } from './inventory.ts';
import { aForeignPod, aNode, gpus, H100 } from './testing.ts';

describe('boards that are free on nodes in use', () => {
  it('count by type: not those of empty, full or unusable nodes', () => {
    const cordoned = aNode('n4', 8, { unschedulable: true });
    const tested = new Inventory();
    tested.setAccelerators([H100]);
    for (const node of [aNode('n1'), aNode('n2'), aNode('n3'), cordoned]) tested.upsertNode(node);
    tested.reserve({
      run: 'u1/1',
      nodes: ['n1', 'n2', 'n2', 'n4'],
      perPod: { cpuMilli: 1, memoryMi: 1, gpuMilli: 4000 },
    });
    expect(fragmented(tested.table(), ['H100'])).toEqual(new Map([['H100', 4]]));
    tested.upsertForeignPod(aForeignPod('f1', 'n3', gpus(1)));
    expect(fragmented(tested.table(), ['H100'])).toEqual(new Map([['H100', 11]]));
    tested.release('u1/1');
    expect(fragmented(tested.table(), ['H100'])).toEqual(new Map([['H100', 7]]));
  });
});
