import { z } from 'zod';
import { conditions, int, nameList, regionName } from './common.ts';
import type { CustomResource, KindDefinition } from './kind.ts';

export const datasetSpec = z
  .object({
    locations: z
      .array(
        z.object({
          region: regionName('Region that holds a copy.'),
          uri: z.string().min(1).max(1024).meta({ description: 'Its address there; injected as AIDC_DATASET_<NAME>.' }),
        }),
      )
      .min(1)
      .max(64)
      .meta({
        description: 'Where copies are; a training that names the Dataset runs only in these regions.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['region'],
      }),
    residency: z
      .object({
        jurisdictions: nameList(
          'ISO 3166 codes the data may be processed in; a code covers its subdivisions (CN covers CN-GZ). Empty: no bound. Default [].',
        ).default([]),
      })
      .prefault({})
      .meta({ description: 'The place the data may not leave; a hard filter. Default {}.' }),
  })
  .meta({ description: 'A body of data: where it is and where it may be used.' });

export const datasetStatus = z
  .object({
    observedGeneration: int('metadata.generation the status was made for.').optional(),
    conditions: conditions.optional(),
    usableRegions: z.array(z.string().max(63)).max(64).optional().meta({
      description: 'Regions that hold a copy and whose jurisdiction allows its use.',
      'x-kubernetes-list-type': 'set',
    }),
    usedBy: int('ModelTrainings that name it and are not finished.').optional(),
  })
  .meta({ description: 'Where it can be used now.' });

export type DatasetSpec = z.output<typeof datasetSpec>;
export type DatasetStatus = z.output<typeof datasetStatus>;
export type Dataset = CustomResource<DatasetSpec, DatasetStatus>;

export const DATASET: KindDefinition = {
  kind: 'Dataset',
  plural: 'datasets',
  singular: 'dataset',
  shortNames: ['dset'],
  namespaced: true,
  description: 'A body of training data: where copies are and where it may lawfully be processed.',
  spec: datasetSpec,
  status: datasetStatus,
  rules: [{ rule: 'self.metadata.name.size() <= 63', message: 'metadata.name must be at most 63 characters.' }],
  columns: [
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Regions', path: '.status.usableRegions' },
    { name: 'Used by', path: '.status.usedBy', type: 'integer' },
    { name: 'Age', path: '.metadata.creationTimestamp', type: 'date' },
  ],
};
