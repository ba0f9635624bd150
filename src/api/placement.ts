import { z } from 'zod';
import { int, nameList, regionName } from './common.ts';
import { GROUP } from './group.ts';
import type { ValidationRule } from './kind.ts';

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

/** Named levels, widest first, and the node label of each; a host is a node. */
export const TOPOLOGY_LABEL = {
  Zone: 'topology.kubernetes.io/zone',
  Block: `${GROUP}/block`,
  Rack: `${GROUP}/rack`,
  Host: 'kubernetes.io/hostname',
} as const;

const level = (what: string) =>
  z
    .string()
    .min(1)
    .max(317)
    .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/)
    .meta({
      description: `${what} Host, Rack (label aidc.dev/rack), Block (aidc.dev/block), Zone (topology.kubernetes.io/zone), or the key of any node label, each value of which is a domain.`,
    });

const topology = z
  .object({
    required: level(
      'All pods of the gang in one domain of this level, or none is placed. Nodes without the label cannot be used. Default: no bound.',
    ).optional(),
    preferred: level(
      'All pods in one domain of this level if one can hold them; else in one of the next wider level, over as few domains as can be, and so on. Default: no wish.',
    ).optional(),
    slices: z
      .array(
        z.object({
          size: int('Pods of a slice: ranks 0 to size-1, size to 2 x size-1, and so on.', 1, 8192),
          required: level('All pods of a slice in one domain of this level.'),
        }),
      )
      .max(2)
      .default([])
      .meta({
        description:
          'Consecutive ranks that stay together, widest first, for example pipelines in a rack and tensor-parallel groups in a host. The number of pods must be a multiple of each size. Default [].',
        'x-kubernetes-list-type': 'atomic',
      }),
  })
  .prefault({})
  .meta({
    description: 'How near to each other the pods of a gang must or should be. Default {}.',
    'x-kubernetes-validations': [
      {
        rule: '!has(self.slices) || self.slices.size() < 2 || self.slices[0].size % self.slices[1].size == 0',
        message: 'the size of the first slice must be a multiple of the size of the second, which is a part of it.',
      },
    ],
  });
export type Topology = z.output<typeof topology>;

/** A rule on spec: a gang is made of whole slices. */
export const wholeSlices = (pods: string): ValidationRule => ({
  rule: `self.placement.topology.slices.all(s, self.${pods} % s.size == 0)`,
  message: `${pods} must be a multiple of the size of every slice in placement.topology.slices.`,
});

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
  topology,
  onRegionLost: z.enum(['Wait', 'Relocate']).default('Wait').meta({
    description:
      'What follows when the region it runs in does not answer. Wait: the run goes on there, and nothing is placed anew. Relocate: it is placed elsewhere once the old run is sure to be over. A training keeps what held at its admission until its next attempt; a quote does not use it. Default Wait.',
  }),
  regionLostSeconds: int(
    'With onRegionLost Relocate: seconds without an answer after which the region is given up. A training ends itself there after so long without word from the hub, so an outage of the hub that is longer ends its attempt too. Default 900.',
    30,
    86_400,
  ).default(900),
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
