import { describe, expect, it } from 'vitest';
import type { Topology } from '../api/index.ts';
import type { GangRequest } from '../core/model.ts';
import { gangRequest, shapeHashOf } from './request.ts';

const asked = (topology: Topology): GangRequest => {
  const request = gangRequest({
    pods: 8,
    spec: { containers: [] },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    acceleratorPolicy: 'Ordered',
    declared: [],
    topology,
  });
  if (typeof request === 'string') throw new Error(request);
  return request;
};

describe('a topology', () => {
  it('that asks nothing is none, so that the demand is what it was before', () => {
    expect(asked({ slices: [] })).not.toHaveProperty('topology');
  });

  it('is a part of the demand: another one is another demand', () => {
    const topologies: Topology[] = [
      { slices: [] },
      { required: 'Rack', slices: [] },
      { preferred: 'Rack', slices: [] },
      { required: 'Block', slices: [] },
      { slices: [{ size: 4, required: 'Rack' }] },
      { slices: [{ size: 2, required: 'Rack' }] },
    ];
    expect(new Set(topologies.map((topology) => shapeHashOf(asked(topology), 'q'))).size).toBe(topologies.length);
  });
});
