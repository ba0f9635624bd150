import { z } from 'zod';
import { int, nameList, regionName } from './common.ts';

const weight = (what: string) => int(`Weight of ${what}, 0 to 100. Default: by policy.`, 0, 100).optional();

export const PLACEMENT_POLICIES = [
  'Balanced',
  'CheapestFirst',
  'GreenestFirst',
  'LeastEnergy',
  'EarliestStart',
] as const;
export type PlacementPolicy = (typeof PLACEMENT_POLICIES)[number];

const weights = {
  cost: weight('money'),
  energy: weight('facility energy'),
  carbon: weight('CO2'),
  wait: weight('the wait to start'),
  fragmentation: weight('accelerators stranded on partly used nodes'),
};
const weightsDescription = 'Weights that replace the preset where given. Default: by policy.';

const shape = {
  regions: z
    .object({
      allowed: nameList('Only these regions. Empty: all. Default [].').default([]),
      denied: nameList('Never these regions. Default [].').default([]),
      preferred: nameList('On an equal score these regions win, in this order. Default [].').default([]),
    })
    .prefault({})
    .meta({ description: 'Regions by name. Default {}.' }),
  cluster: z.string().min(1).max(63).optional().meta({ description: 'Only this RegionalCluster. Default: any.' }),
  clusterSelector: z
    .object({
      matchLabels: z
        .record(z.string(), z.string().max(63))
        .default({})
        .meta({ description: 'Labels a RegionalCluster must carry. Default {}.', maxProperties: 16 }),
    })
    .optional()
    .meta({ description: 'Only RegionalClusters with these labels. Default: any.' }),
  residency: z
    .object({
      jurisdictions: nameList(
        'ISO 3166 codes; a code covers its subdivisions (CN covers CN-GZ). Empty: no bound. Default [].',
      ).default([]),
    })
    .prefault({})
    .meta({ description: 'Where the work may lawfully run; a hard filter. Default {}.' }),
  policy: z
    .enum(PLACEMENT_POLICIES)
    .default('Balanced')
    .meta({ description: 'Preset of weights for choosing among regions where it fits. Default Balanced.' }),
};

/** Where a training may and should run. */
export const placement = z
  .object({ ...shape, weights: z.object(weights).optional().meta({ description: weightsDescription }) })
  .prefault({})
  .meta({ description: 'Where it may run and how to choose. Default {}.' });

export const clientRegions = z
  .array(
    z.object({
      region: regionName('Region the users are in.'),
      sharePercent: int('Share of the users in percent. Default 100.', 1, 100).default(100),
    }),
  )
  .max(16)
  .default([])
  .meta({
    description: 'Where the users are. Default [].',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['region'],
  });

/** The same for what has users: a serving, and a quote for either. */
export const servingPlacement = z
  .object({
    ...shape,
    weights: z
      .object({
        ...weights,
        latency: int(
          'Weight of latency from clientRegions, 0 to 100. Default: 30 with clientRegions, else 0.',
          0,
          100,
        ).optional(),
      })
      .optional()
      .meta({ description: weightsDescription }),
    maxLatencyMs: int(
      'Largest mean network latency from the users (clientRegions, by share) in milliseconds. Default: no bound.',
      1,
      60_000,
    ).optional(),
    clientRegions,
  })
  .prefault({})
  .meta({
    description: 'Where it may run and how to choose. Default {}.',
    'x-kubernetes-validations': [
      {
        rule: '!has(self.maxLatencyMs) || self.clientRegions.size() > 0',
        message: 'maxLatencyMs needs clientRegions: latency is measured from the users.',
      },
    ],
  });

export type Placement = z.output<typeof placement>;
export type ServingPlacement = z.output<typeof servingPlacement>;
