import { z } from 'zod';
import { conditions, int, signedInt, time } from './common.ts';
import type { CustomResource, KindDefinition } from './kind.ts';
import { queueBudgetStatuses, queueBudgets } from './queue-budget.ts';

const keyPart = (what: string) =>
  z
    .string()
    .min(1)
    .max(63)
    .default('*')
    .meta({ description: `${what} the row counts, or * for all. Default *.` });

export const quotaRow = z
  .object({
    accelerator: keyPart('Accelerator type'),
    region: keyPart('Region'),
    nominal: int('Accelerators of the queue’s own; siblings may use what is idle.', 0, 10_000_000),
    borrowingLimit: int(
      'Most accelerators above nominal that the queue, with those below it, may use of its siblings’. Default: no bound.',
      0,
      10_000_000,
    ).optional(),
    lendingLimit: int('Most accelerators of nominal that others may use. Default: no bound.', 0, 10_000_000).optional(),
  })
  .meta({ description: 'One quota dimension: a request is charged to every row that matches it.' });
export type QuotaRow = z.output<typeof quotaRow>;

const labelSelector = z
  .object({
    matchLabels: z
      .record(z.string(), z.string().max(63))
      .default({})
      .meta({ description: 'Labels the namespace must carry. Default {}.', maxProperties: 16 }),
  })
  .meta({ description: 'Selects namespaces by label; {} selects all.' });

export const computeQueueSpec = z
  .object({
    parent: z
      .string()
      .min(1)
      .max(63)
      .optional()
      .meta({ description: 'Queue above it; only leaves take workloads. Default: none (a root).' }),
    quota: z
      .array(quotaRow)
      .max(64)
      .default([])
      .meta({
        description: 'Quota rows. A device that no row on the path to the root covers may not be used. Default [].',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['accelerator', 'region'],
      }),
    weight: int(
      'Share of idle accelerators relative to the sibling queues: with 2 it may borrow twice as much. Default 1.',
      1,
      1000,
    ).default(1),
    fairShare: z
      .object({
        halfLifeSeconds: int(
          'What a queue of the tree used above its own in the past counts beside what it uses now, half after each so long, in seconds. Default: only what it uses now counts.',
          60,
          31_536_000,
        ).optional(),
        entryPenaltySeconds: int(
          'With halfLifeSeconds: an admission counts at once as if it had run so long, in seconds. Default 60.',
          0,
          86_400,
        ).default(60),
      })
      .prefault({})
      .meta({ description: 'Of a root: what counts in whose turn it is below it. Default {}.' }),
    ordering: z.enum(['StrictFIFO', 'BestEffortFIFO', 'ShortestRemaining']).default('BestEffortFIFO').meta({
      description:
        'Of a leaf; priority comes first in each. BestEffortFIFO: by time, and one that does not fit lets others pass. StrictFIFO: by time, and it holds up all behind it. ShortestRemaining: by the accelerator-seconds that a completion is estimated to cost, learned from the trainings of the queue that ended; one that does not fit lets others pass. Default BestEffortFIFO.',
    }),
    agingSeconds: int(
      'With ShortestRemaining: what has waited so long counts as if it cost half, twice as long a third, and so on, in seconds. Default: no aging.',
      1,
      31_536_000,
    ).optional(),
    preemption: z
      .object({
        withinQueue: z.enum(['Never', 'LowerPriority', 'LowerOrNewerEqualPriority']).default('Never').meta({
          description: 'Whom of the same queue its workloads may push out. Default Never.',
        }),
        reclaim: z.enum(['Never', 'LowerPriority', 'Any']).default('Never').meta({
          description:
            'Whom of queues that use more than their own its workloads may push out while the queue stays within its own. Default Never.',
        }),
        borrow: z
          .object({
            policy: z.enum(['Never', 'LowerPriority']).default('Never').meta({
              description:
                'Whom of queues that use more than their own its workloads may push out to borrow. Default Never.',
            }),
            maxPriority: signedInt('Highest priority that may be pushed out to borrow. Default: no bound.').optional(),
          })
          .prefault({})
          .meta({ description: 'Pushing out in order to borrow. Default {}.' }),
      })
      .prefault({})
      .meta({ description: 'Of a leaf: whom its workloads may push out where they do not fit. Default {}.' }),
    minRuntimeSeconds: int(
      'A workload of the queue, or of one below it that does not say so itself, is not pushed out before it held its nodes for so long, in seconds. Default: that of the queue above, else 0.',
      0,
      31_536_000,
    ).optional(),
    quotaDrainSeconds: int(
      'When its quota is lowered below what it uses, what is beyond is stopped after so long, in seconds, lowest priority and least loss first; preemptible work only. Default 300.',
      0,
      31_536_000,
    ).default(300),
    reserveAfterSeconds: int(
      'A workload of the queue that has waited so long, and for nodes or power only, has the nodes kept that are expected to be free for it first, and its watts of a power budget, in seconds: work behind it uses them only if it is sure to end before, by its activeDeadlineSeconds or by what its queue has learned of run times. One workload at a time in each cluster and accelerator. Default 3600.',
      0,
      31_536_000,
    ).default(3600),
    limits: z
      .object({
        maxRunning: int(
          'Most workloads of the queue, with those below it, that hold quota at once (a serving counts each replica). Default: no bound.',
          0,
          1_000_000,
        ).optional(),
        maxPending: int(
          'Most waiting workloads of the queue, with those below it, that are considered at once: the first by priority and age (a serving counts each replica). The others keep their age and move up by themselves. Default: no bound.',
          1,
          1_000_000,
        ).optional(),
      })
      .prefault({})
      .meta({ description: 'Bounds in numbers of workloads. Default {}.' }),
    budgets: queueBudgets,
    namespaceSelector: labelSelector.optional().meta({
      description: 'Namespaces whose workloads may use the queue. Default: none; {}: all.',
    }),
    stopPolicy: z.enum(['None', 'Hold', 'HoldAndDrain']).default('None').meta({
      description:
        'Hold admits nothing new; HoldAndDrain also stops what runs and queues it again. Applies to the whole subtree. Default None.',
    }),
  })
  .meta({ description: 'A node of the tree of queues.' });

const queueUsage = z.object({
  accelerator: z.string().max(63).meta({ description: 'Accelerator of the row, or *.' }),
  region: z.string().max(63).meta({ description: 'Region of the row, or *.' }),
  nominal: int('Accelerators of its own, with its subtree.'),
  usedMilliGpus: int('In use, in thousandths of an accelerator.'),
  borrowedMilliGpus: int('In use above nominal, in thousandths of an accelerator.'),
});

export const computeQueueStatus = z
  .object({
    observedGeneration: int('metadata.generation the status was made for.').optional(),
    conditions: conditions.optional(),
    admitted: int('Workloads of the subtree that hold quota.').optional(),
    pending: int('Workloads of the subtree that wait.').optional(),
    pendingByReason: z
      .array(
        z.object({
          reason: z.string().max(64).meta({ description: 'Reason of Admitted=False.' }),
          count: int('Workloads.'),
        }),
      )
      .max(32)
      .optional()
      .meta({
        description: 'Waiting workloads by reason.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['reason'],
      }),
    budgets: queueBudgetStatuses,
    usage: z
      .array(queueUsage)
      .max(64)
      .optional()
      .meta({
        description: 'Use by quota row.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['accelerator', 'region'],
      }),
    fairShare: z
      .object({
        until: time('Use up to then is in the means.'),
        borrowed: z
          .array(
            z.object({
              accelerator: z.string().max(63).meta({ description: 'Accelerator of the quota row, or *.' }),
              region: z.string().max(63).meta({ description: 'Region of the quota row, or *.' }),
              meanMilliGpus: int('Mean use above its own, in thousandths of an accelerator.'),
            }),
          )
          .max(64)
          .meta({
            description: 'By quota row; rows without past use are left out.',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['accelerator', 'region'],
          }),
      })
      .optional()
      .meta({
        description:
          'Past use that counts in whose turn it is, where spec.fairShare.halfLifeSeconds of the root says so.',
      }),
    head: z
      .array(
        z.object({
          position: int('Place in the queue, from 1.', 1),
          namespace: z.string().max(63).meta({ description: 'Namespace of the workload.' }),
          name: z.string().max(63).meta({ description: 'Name of the workload.' }),
          kind: z.string().max(63).meta({ description: 'Kind of the workload.' }),
          priority: signedInt('Its priority.'),
          expectedStartTime: time(
            'When it is expected to start, by what is known of run times; moved only when the wait changes by a tenth. Absent: it cannot be foreseen, or does not wait for nodes.',
          ).optional(),
        }),
      )
      .max(100)
      .optional()
      .meta({ description: 'First 100 that wait, in order.', 'x-kubernetes-list-type': 'atomic' }),
  })
  .meta({ description: 'Use and waiting work.' });

export type ComputeQueueSpec = z.output<typeof computeQueueSpec>;
export type ComputeQueueStatus = z.output<typeof computeQueueStatus>;
export type ComputeQueue = CustomResource<ComputeQueueSpec, ComputeQueueStatus>;

export const COMPUTE_QUEUE: KindDefinition = {
  kind: 'ComputeQueue',
  plural: 'computequeues',
  singular: 'computequeue',
  shortNames: ['cqueue'],
  namespaced: false,
  description: 'A node of the tree of queues: quota, and the order in which work waits.',
  spec: computeQueueSpec,
  status: computeQueueStatus,
  rules: [
    { rule: 'self.metadata.name.size() <= 63', message: 'metadata.name must be at most 63 characters.' },
    {
      rule: "!has(self.spec.agingSeconds) || self.spec.ordering == 'ShortestRemaining'",
      message: 'spec.agingSeconds needs spec.ordering ShortestRemaining.',
    },
    {
      rule: '!has(self.spec.fairShare.halfLifeSeconds) || !has(self.spec.parent)',
      message: 'spec.fairShare.halfLifeSeconds belongs to a root: it holds for the whole tree.',
    },
    {
      rule: '!has(self.spec.parent) || self.spec.parent != self.metadata.name',
      message: 'a queue cannot be its own parent.',
    },
  ],
  columns: [
    { name: 'Parent', path: '.spec.parent' },
    { name: 'Stop', path: '.spec.stopPolicy' },
    { name: 'Admitted', path: '.status.admitted', type: 'integer' },
    { name: 'Pending', path: '.status.pending', type: 'integer' },
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Age', path: '.metadata.creationTimestamp', type: 'date' },
  ],
};
