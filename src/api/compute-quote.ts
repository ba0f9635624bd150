import { z } from 'zod';
import {
  acceleratorPolicy,
  accelerators,
  conditions,
  int,
  MODEL_CLASSES,
  priorityClassName,
  queueName,
  time,
} from './common.ts';
import { filtered } from './decision.ts';
import type { CustomResource, KindDefinition } from './kind.ts';
import { resources } from './model-training.ts';
import { servingPlacement, wholeSlices } from './placement.ts';

export const computeQuoteSpec = z
  .object({
    numNodes: int('Pods of the gang. Default 1.', 1, 8192).default(1),
    resourcesPerNode: resources,
    accelerators,
    acceleratorPolicy,
    modelClass: z
      .enum(MODEL_CLASSES)
      .default('Other')
      .meta({ description: 'Kind of model: which throughput of an accelerator holds for it. Default Other.' }),
    runtimeSeconds: int(
      'How long it would run, in seconds: with the first of accelerators, at a throughput of 1000 permille. Default 3600.',
      1,
      315_360_000,
    ).default(3600),
    datasets: z
      .array(z.object({ name: z.string().min(1).max(63).meta({ description: 'Dataset in the same namespace.' }) }))
      .max(16)
      .default([])
      .meta({
        description: 'Data it would read. Default [].',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
    queue: queueName,
    priorityClassName,
    placement: servingPlacement,
    limits: z
      .object({
        finishBy: time('Offers that end later are left out. Default: no bound.').optional(),
        maxCostMicros: int(
          'Offers that cost more, in millionths of the currency, are left out. Default: no bound.',
        ).optional(),
        maxWattHours: int(
          'Offers that need more facility energy, in watt-hours, are left out. Default: no bound.',
        ).optional(),
        maxCarbonGrams: int('Offers that emit more CO2, in grams, are left out. Default: no bound.').optional(),
      })
      .prefault({})
      .meta({ description: 'Bounds on an offer. Default {}.' }),
    ttlSeconds: int('The quote is deleted this long after its answer, in seconds. Default 3600.', 1, 2_592_000).default(
      3600,
    ),
  })
  .meta({
    description: 'A demand: can it be met, where, from when, and for how much? Nothing is created. Immutable.',
    'x-kubernetes-validations': [
      { rule: 'self == oldSelf', message: 'a quote is immutable: make another one.' },
      wholeSlices('numNodes'),
    ],
  });

const offer = z.object({
  rank: int('1 is the best: where it fits now, then where it is expected to fit later.', 1),
  startTime: time('When its pods are expected to run.'),
  finishTime: time('When it is expected to end.'),
  cluster: z.string().max(63).meta({ description: 'RegionalCluster.' }),
  region: z.string().max(63).meta({ description: 'Its region.' }),
  accelerator: z.string().max(63).meta({ description: 'Accelerator type, empty for CPU only.' }),
  nodes: int('Distinct nodes it would use.'),
  gpus: int('Accelerators it would use.'),
  scorePermille: int('Weighted score, 0 to 1000.', 0, 1000),
  runtimeSeconds: int(
    'How long it would run there, in seconds, by the throughput that the cluster declares; ten years at most.',
  ).optional(),
  costMicros: int('Money for the run time, in millionths of the currency.'),
  currency: z.string().max(8).meta({ description: 'ISO 4217 code.' }),
  wattHours: int('Facility energy for the run time in watt-hours (an estimate from board power).'),
  carbonGrams: int('CO2 for the run time in grams.'),
  latencyMs: int('Mean network latency from the users in milliseconds.').optional(),
});
export type Offer = z.output<typeof offer>;

export const computeQuoteStatus = z
  .object({
    observedGeneration: int('metadata.generation the status was made for.').optional(),
    conditions: conditions.optional(),
    answeredAt: time('When it was answered: the state of that moment.').optional(),
    offers: z.array(offer).max(16).optional().meta({
      description: 'Where it fits now, then where it is expected to fit later; the best first of each.',
      'x-kubernetes-list-type': 'atomic',
    }),
    shortfalls: z.array(filtered).max(16).optional().meta({
      description: 'Where it would not fit, and what is short by how much.',
      'x-kubernetes-list-type': 'atomic',
    }),
    display: z
      .object({
        start: z.string().max(32).optional().meta({ description: 'When it would start there: now, or a time.' }),
        best: z.string().max(63).optional().meta({ description: 'Best region.' }),
        cost: z.string().max(48).optional().meta({ description: 'Its cost.' }),
        kWh: z.string().max(32).optional().meta({ description: 'Its facility energy.' }),
        co2: z.string().max(32).optional().meta({ description: 'Its CO2.' }),
      })
      .optional()
      .meta({ description: 'Formatted values for the printer columns.' }),
  })
  .meta({ description: 'The answer.' });

export type ComputeQuoteSpec = z.output<typeof computeQuoteSpec>;
export type ComputeQuoteStatus = z.output<typeof computeQuoteStatus>;
export type ComputeQuote = CustomResource<ComputeQuoteSpec, ComputeQuoteStatus>;

export const COMPUTE_QUOTE: KindDefinition = {
  kind: 'ComputeQuote',
  plural: 'computequotes',
  singular: 'computequote',
  shortNames: ['quote'],
  namespaced: true,
  description: 'Can my compute demand be met? A question with a time to live; nothing is created.',
  spec: computeQuoteSpec,
  status: computeQuoteStatus,
  rules: [{ rule: 'self.metadata.name.size() <= 63', message: 'metadata.name must be at most 63 characters.' }],
  columns: [
    { name: 'Answered', path: '.status.conditions[?(@.type=="Answered")].status' },
    { name: 'Best', path: '.status.display.best' },
    { name: 'Start', path: '.status.display.start' },
    { name: 'Cost', path: '.status.display.cost' },
    { name: 'kWh', path: '.status.display.kWh' },
    { name: 'CO2', path: '.status.display.co2' },
    { name: 'Reason', path: '.status.conditions[?(@.type=="Answered")].reason' },
    { name: 'Age', path: '.metadata.creationTimestamp', type: 'date' },
  ],
};
