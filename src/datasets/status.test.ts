import { describe, expect, it } from 'vitest';
import { type Dataset, datasetSpec, datasetStatus } from '../api/index.ts';
import { deriveStatus, type Place } from './status.ts';

const NOW = Date.parse('2026-01-15T04:00:00Z');
const PLACES: Place[] = [
  { region: 'guian', jurisdiction: 'CN-GZ' },
  { region: 'lingang', jurisdiction: 'CN-SH' },
  { region: 'jurong', jurisdiction: 'SG' },
];

const aDataset = (regions: string[], jurisdictions: string[] = [], status?: Dataset['status']): Dataset => ({
  metadata: { name: 'corpus', namespace: 'ns', generation: 2 },
  spec: datasetSpec.parse({
    locations: regions.map((region) => ({ region, uri: 's3://corpus' })),
    residency: { jurisdictions },
  }),
  ...(status === undefined ? {} : { status }),
});

const statusOf = (dataset: Dataset, places = PLACES, usedBy = 0, nowMs = NOW) =>
  deriveStatus(dataset, { places, usedBy, nowMs });

describe('the status of a Dataset', () => {
  it('lists the regions that hold a copy and whose law allows its use', () => {
    const status = statusOf(aDataset(['guian', 'lingang', 'jurong'], ['CN']), PLACES, 3);
    expect(status).toMatchObject({ usableRegions: ['guian', 'lingang'], usedBy: 3, observedGeneration: 2 });
    expect(status.conditions).toEqual([
      {
        type: 'Ready',
        status: 'True',
        reason: 'Usable',
        message: 'usable in guian, lingang; residency allows CN, not jurong (SG).',
        lastTransitionTime: '2026-01-15T04:00:00Z',
        observedGeneration: 2,
      },
    ]);
    expect(datasetStatus.parse(status)).toEqual(status);
  });

  it('takes a country for its subdivisions, and not for a country whose code begins alike', () => {
    expect(statusOf(aDataset(['guian'], ['CN-GZ'])).usableRegions).toEqual(['guian']);
    expect(statusOf(aDataset(['guian'], ['CN-SH'])).usableRegions).toEqual([]);
    expect(statusOf(aDataset(['guian'], ['C'])).usableRegions).toEqual([]);
  });

  it('is usable where one cluster of the region lies well', () => {
    const places = [...PLACES, { region: 'jurong', jurisdiction: 'CN-HK' }];
    expect(statusOf(aDataset(['jurong'], ['CN']), places).usableRegions).toEqual(['jurong']);
  });

  it('says that the law leaves no region', () => {
    expect(statusOf(aDataset(['jurong', 'mars'], ['CN'])).conditions?.[0]).toMatchObject({
      status: 'False',
      reason: 'NoUsableRegion',
      message: 'it can be used nowhere; residency allows CN, not jurong (SG); no RegionalCluster is in mars.',
    });
  });

  it('names regions that there are none of', () => {
    expect(statusOf(aDataset(['mars'])).conditions?.[0]).toMatchObject({
      status: 'False',
      reason: 'UnknownRegion',
      message: 'it can be used nowhere; no RegionalCluster is in mars.',
    });
    const partly = statusOf(aDataset(['guian', 'mars'])).conditions?.[0];
    expect(partly).toMatchObject({ status: 'True', message: 'usable in guian; no RegionalCluster is in mars.' });
  });

  it('follows the regions in its sentence while the time of the condition stays', () => {
    const first = statusOf(aDataset(['guian', 'mars']));
    const places = [...PLACES, { region: 'mars', jurisdiction: 'XX' }];
    const after = statusOf(aDataset(['guian', 'mars'], [], first), places, 0, NOW + 60_000);
    expect(after.conditions?.[0]).toMatchObject({
      message: 'usable in guian, mars.',
      lastTransitionTime: '2026-01-15T04:00:00Z',
    });
  });

  it('is equal to the old one while nothing changes', () => {
    const first = statusOf(aDataset(['guian', 'mars']));
    expect(statusOf(aDataset(['guian', 'mars'], [], first), PLACES, 0, NOW + 60_000)).toEqual(first);
  });
});
