import { z } from 'zod';
import { mutableWhileSuspended } from './kind.ts';

/** Kubernetes' own name rules, with lengths so that CEL rules over them have a bounded cost. */
export const objectName = (description: string) =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .meta({ description });

export const regionName = (description = 'Name of a region, for example guian.') => objectName(description);

/** A resource quantity as Kubernetes writes it: an integer, or a string such as "500m" or "64Gi". */
export const quantity = (description: string) =>
  z.union([z.int(), z.string().max(64)]).meta({ description, 'x-kubernetes-int-or-string': true });

/** metadata's and status' own time format. */
export const time = (description: string) => z.iso.datetime().meta({ description, format: 'date-time' });

export const int = (description: string, min = 0, max = Number.MAX_SAFE_INTEGER) =>
  z
    .int()
    .min(min)
    .max(max)
    .meta({ description, format: max > 2147483647 ? 'int64' : 'int32' });

/** A whole number that may be negative, as wide as Kubernetes' int32. */
export const signedInt = (description: string) =>
  z.int().min(-2147483648).max(2147483647).meta({ description, format: 'int32' });

/** Any JSON object; the API server keeps it whole and does not look inside. */
export const opaqueObject = (description: string) =>
  z.looseObject({}).meta({ description, 'x-kubernetes-preserve-unknown-fields': true });

export const nameList = (description: string, max = 32) =>
  z.array(z.string().min(1).max(63)).max(max).meta({ description, 'x-kubernetes-list-type': 'set' });

export const condition = z
  .object({
    type: z.string().max(64).meta({ description: 'Condition type, for example Admitted.' }),
    status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'True, False or Unknown.' }),
    reason: z.string().max(64).meta({ description: 'One word from a closed set, for programs.' }),
    message: z.string().max(4096).meta({ description: 'A sentence with the numbers, for people.' }),
    lastTransitionTime: time('When status last changed.'),
    observedGeneration: int('metadata.generation the condition was made for.').optional(),
  })
  .meta({ description: 'A standard Kubernetes condition.' });
export type Condition = z.output<typeof condition>;

export const conditions = z
  .array(condition)
  .max(16)
  .meta({
    description: 'Standard conditions, one a type; usable with kubectl wait.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

/** What a workload asks of each node, by accelerator type. */
export const acceleratorRequest = z
  .object({
    type: z
      .string()
      .min(1)
      .max(63)
      .meta({ description: 'Accelerator type as RegionalClusters declare it, for example H100 or Ascend910B.' }),
    countPerNode: int('Accelerators of that type in each pod (one pod per node of the gang).', 1, 64),
  })
  .meta({ description: 'One acceptable kind of accelerator.' });
export type AcceleratorRequest = z.output<typeof acceleratorRequest>;

export const accelerators = z
  .array(acceleratorRequest)
  .max(8)
  .default([])
  .meta({
    description:
      'Acceptable accelerators; the resource name is injected from the chosen cluster. Empty: the extended resource in the pod resources, of any type that has it, or a CPU-only workload. Default [].',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
  });

/** With acceleratorPolicy Ordered the order decides. */
export const acceleratorsRule = mutableWhileSuspended('accelerators', { order: { of: 'accelerators', by: 'e.type' } });

export const acceleratorPolicy = z.enum(['Ordered', 'AnyOf']).default('Ordered').meta({
  description:
    'Ordered: the first entry of accelerators that fits anywhere wins. AnyOf: all entries compete by score. Default Ordered.',
});

export const MODEL_CLASSES = ['LLM', 'Weather', 'TextToImage', 'BioPharma', 'RemoteSensing', 'Other'] as const;
export type ModelClass = (typeof MODEL_CLASSES)[number];

export const queueName = z.string().min(1).max(63).optional().meta({
  description:
    "ComputeQueue (a leaf) to wait in. Default: the namespace's label aidc.dev/queue, else the queue named default.",
});

export const priorityClassName = z.string().min(1).max(253).optional().meta({
  description:
    "PriorityClass on the hub whose value orders this workload in its queue (higher first). Default: the hub's global default class, else 0.",
});

export const preemptible = (fallback: boolean) =>
  z
    .boolean()
    .default(fallback)
    .meta({
      description: `Whether it may be pushed out by work that its queue's rules put before it. Default ${fallback}.`,
    });

export const display = z
  .object({
    gpus: z.string().max(32).optional().meta({ description: 'Ready of wanted accelerators, for example 8/16.' }),
    nodes: z.string().max(32).optional().meta({ description: 'Ready of wanted nodes.' }),
    accelerator: z.string().max(63).optional().meta({ description: 'Accelerator type in use.' }),
    kWh: z
      .string()
      .max(32)
      .optional()
      .meta({ description: 'Facility energy so far in kWh (an estimate is marked ~).' }),
    cost: z.string().max(48).optional().meta({ description: 'Cost so far with its currency.' }),
    co2: z.string().max(32).optional().meta({ description: 'CO2 so far in kg.' }),
    ready: z.string().max(32).optional().meta({ description: 'Ready of wanted replicas.' }),
    reason: z.string().max(64).optional().meta({ description: 'Why it is not running, one word.' }),
  })
  .meta({ description: 'Formatted values for the printer columns (JSONPath cannot compute).' });

const energyShape = {
  gpuJoules: int('Energy of the boards in joules.').optional(),
  itJoules: int('The same and the overhead of their nodes, in joules.').optional(),
  facilityJoules: int('Energy at the facility in joules: boards and node overhead, times PUE.'),
  costMicros: int('Money in millionths of the currency: GPU-hours and electricity.'),
  carbonGrams: int('CO2 in grams, by the grid of the location.'),
  carbonMarketGrams: int('CO2 in grams by the market: without the part that is bought as green power.').optional(),
};

export const usage = z
  .object({
    gpuSeconds: int('Accelerator-seconds held, in closed intervals.'),
    ...energyShape,
    currency: z
      .string()
      .max(8)
      .meta({ description: 'ISO 4217 code of costMicros: the currency in which it was first counted.' }),
    otherCosts: z
      .array(
        z.object({
          currency: z.string().max(8).meta({ description: 'ISO 4217 code of this money.' }),
          costMicros: int('Money in millionths of this currency.'),
          reckonedMicros: int('Part of it that follows from time held alone, as in reckoned.'),
        }),
      )
      .max(32)
      .optional()
      .meta({
        description:
          'Money in other currencies, of clusters that have another one. Sums of currencies are not added: costMicros has only what is in currency. Absent: none.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['currency'],
      }),
    until: time('Use up to then is closed; what is held now counts from then.'),
    source: z.enum(['Counter', 'Integrated', 'Estimate']).meta({
      description:
        'How the energy was found. Integrated: from power that agents measured, as far as coveragePermille says. Estimate: configured board power times time held.',
    }),
    drawWatts: int(
      'Facility power in watts at `until`, as agents measured it. Absent: nothing is held, or not all of it is measured.',
    ).optional(),
    coveragePermille: int('Part of gpuSeconds whose power was measured, in thousandths.', 0, 1000).optional(),
    usefulJoules: int('Part of facilityJoules in runs that are over: what they got done.').optional(),
    startupJoules: int('The same: before a run was ready.').optional(),
    lostJoules: int('The same: since the last checkpoint of a run that was cut off.').optional(),
    checkpointJoules: int(
      'The same: while checkpoints were written, as far as programs say how long they took (annotation aidc.dev/last-checkpoint-seconds).',
    ).optional(),
    reckoned: z.object(energyShape).optional().meta({
      description:
        'Part of the sums that follows from time held alone: money for GPU-hours, and energy by configured board power where no agent measures. Absent: all of it.',
    }),
    measured: z.object(energyShape).optional().meta({
      description:
        'Part of the sums that agents measured. What neither this nor reckoned has is an estimate for agents that were silent. Absent: nothing.',
    }),
  })
  .meta({ description: 'What it has used, in closed intervals; live values are metrics.' });
export type Usage = z.output<typeof usage>;

/** A text that is JSON of this schema, as a ConfigMap keeps it. */
export const jsonText = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue('is no JSON');
        return z.NEVER;
      }
    })
    .pipe(schema);
