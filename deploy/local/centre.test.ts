import { describe, expect, it } from 'vitest';
import { loadCentre, parseCentre } from './centre.ts';
import { nodesOf } from './nodes.ts';

const file = 'my-centre.yaml';

describe('the shipped centre', () => {
  it('has three regions with the nodes that the documentation shows', async () => {
    const regions = await loadCentre();
    const names = regions.map((region) => [region.name, nodesOf(region).length]);
    expect(names).toEqual([
      ['shanghai-lingang', 24],
      ['guian', 88],
      ['zhongwei', 80],
    ]);
    const guian = regions.find(({ name }) => name === 'guian');
    expect(nodesOf(guian as never).map(({ metadata }) => metadata.name)).toContain('guian-h100-001');
  });
});

describe('a node', () => {
  it('knows its rack, its block and its devices', () => {
    const [region] = parseCentre(
      `regions: [{name: r, nodeGroups: [{prefix: n, count: 20, rackSize: 4, racksPerBlock: 2,
         accelerator: {resource: huawei.com/Ascend910, labels: {accelerator: huawei-Ascend910B}}}]}]`,
      file,
    );
    const [first, ...others] = nodesOf(region as never);
    expect(first).toMatchObject({
      metadata: { labels: { 'aidc.dev/rack': 'n-r01', 'aidc.dev/block': 'n-b1', accelerator: 'huawei-Ascend910B' } },
      status: { allocatable: { 'huawei.com/Ascend910': '8' } },
    });
    expect(others.at(-1)?.metadata).toMatchObject({ labels: { 'aidc.dev/rack': 'n-r05', 'aidc.dev/block': 'n-b3' } });
    const addresses = [first, ...others].map((node) => JSON.stringify((node as { status?: object }).status));
    expect(new Set(addresses).size).toBe(20);
  });
});

describe('a mistake in the file is a sentence', () => {
  const cases: [string, string, RegExp][] = [
    ['YAML', 'regions: [', /my-centre\.yaml is not valid YAML/],
    ['no regions', 'regions: []', /regions: must list at least one region\./],
    [
      'a name',
      'regions: [{name: Gui An, nodeGroups: [{prefix: a, count: 1}]}]',
      /regions\[0\]\.name: must be a DNS label/,
    ],
    [
      'a count',
      'regions: [{name: a, nodeGroups: [{prefix: a, count: 0}]}]',
      /nodeGroups\[0\]\.count: must be at least 1\./,
    ],
    ['a typing mistake', 'regions: [{name: a, nodeGroups: [{prefix: a, cuont: 1, count: 1}]}]', /cuont/],
    [
      'a device name',
      'regions: [{name: a, nodeGroups: [{prefix: a, count: 1, accelerator: {resource: gpu}}]}]',
      /must be an extended resource such as nvidia\.com\/gpu/,
    ],
    [
      'a region twice',
      'regions: [{name: a, nodeGroups: [{prefix: a, count: 1}]}, {name: a, nodeGroups: [{prefix: b, count: 1}]}]',
      /Two regions are named a\./,
    ],
    [
      'a prefix twice',
      'regions: [{name: a, nodeGroups: [{prefix: x, count: 1}, {prefix: x, count: 1}]}]',
      /Two node groups of a are named x\./,
    ],
  ];
  it.each(cases)('%s', (_what, text, sentence) => {
    expect(() => parseCentre(text, file)).toThrow(sentence);
  });

  it('a file that is not there', async () => {
    await expect(loadCentre('/nowhere/centre.yaml')).rejects.toThrow(/\/nowhere\/centre\.yaml cannot be read/);
  });
});
