import { z } from 'zod';
import { int, signedInt, time } from './common.ts';
import { PLACEMENT_POLICIES } from './placement.ts';

const name = (description: string) => z.string().max(63).meta({ description });

/** One quota key that an admission is charged to. */
export const queueCharge = z.object({
  accelerator: name('Accelerator of the quota row, or *.'),
  region: name('Region of the quota row, or *.'),
  milliGpus: int('Charge in thousandths of an accelerator.'),
});

/**
 * The scheduler's binding decision: complete, and the only truth after a restart or a change of leader.
 * It is written once, before any member object exists.
 */
const admissionShape = {
  epoch: int("Leader's term (lease transitions) that decided."),
  attempt: int('Attempt this admission is for, from 1.', 1),
  generation: int('metadata.generation that was admitted.'),
  shapeHash: name('Hash of what was asked of the scheduler; dispatch only while it equals the present spec.'),
  cluster: name('RegionalCluster that runs it.'),
  accelerator: name('Accelerator type, or empty for a CPU-only workload.'),
  resourceName: z.string().max(253).meta({ description: 'Extended resource of that accelerator in that cluster.' }),
  resourcesPerUnit: z
    .record(z.string(), z.int())
    .optional()
    .meta({ description: 'Further extended resources of each pod, beside that one.', maxProperties: 8 }),
  gpusPerNode: int('Accelerators of each pod.'),
  cpuMilliPerNode: int('CPU of each pod in thousandths of a core.'),
  memoryMiPerNode: int('Memory of each pod in MiB.'),
  gpuPowerCapWatts: int('Power cap of each accelerator in watts. Absent: none that is known beforehand.').optional(),
  queue: name('Leaf queue that is charged.'),
  queueCharges: z
    .array(queueCharge)
    .max(16)
    .meta({ description: 'What is charged to which quota key.', 'x-kubernetes-list-type': 'atomic' }),
  priority: signedInt('Priority resolved from the class.'),
  assignment: z.string().max(262_144).meta({
    description:
      'Node of every pod in rank order: comma-separated runs of names, each with pods per node, for example gpu-[0001-0512]:1.',
  }),
  admittedAt: time('When it was decided.'),
};
export const admission = z
  .object({
    ...admissionShape,
    relocateAfterSeconds: int(
      'The attempt ends itself after so many seconds without word from the hub (placement.onRegionLost Relocate). Absent: it runs on.',
    ).optional(),
  })
  .meta({ description: 'Binding decision of the scheduler; the truth after a restart.' });
export type Admission = z.output<typeof admission>;

export const replicaAdmission = z
  .object({ replica: int('Ordinal of the replica, from 0.', 0, 1023), ...admissionShape })
  .meta({ description: 'Binding decision for one replica.' });
export type ReplicaAdmission = z.output<typeof replicaAdmission>;

export const candidate = z.object({
  cluster: name('RegionalCluster.'),
  region: name('Its region.'),
  accelerator: name('Accelerator type considered.'),
  scorePermille: int('Weighted score, 0 to 1000, higher is better.', 0, 1000),
  speedPermille: int(
    'How fast it would run there in thousandths of the reference, all its units together relative to the first of spec.accelerators. Absent: the region declares no throughput.',
  ).optional(),
  costMicrosPerHour: int('Money an hour in millionths: accelerators and electricity.'),
  watts: int('Facility power in watts: boards and node overhead, times PUE.'),
  carbonGramsPerHour: int('CO2 an hour in grams.'),
  waitSeconds: int('Seconds until its pods were expected to run there, by the latest starts.').optional(),
  latencyMs: int('Mean network latency from the users in milliseconds.').optional(),
});
export type Candidate = z.output<typeof candidate>;

export const filtered = z.object({
  cluster: name('RegionalCluster.'),
  reason: z.string().max(64).meta({ description: 'Why it is out, one word.' }),
  message: z.string().max(512).meta({ description: 'Why it is out, with the numbers.' }),
});
export type Filtered = z.output<typeof filtered>;

export const decision = z
  .object({
    policy: z.enum(PLACEMENT_POLICIES).meta({ description: 'Preset of weights in force.' }),
    reason: z.string().max(1024).meta({ description: 'Why this region, in a sentence.' }),
    currency: z.string().max(8).optional().meta({ description: 'Currency of the money figures.' }),
    candidates: z
      .array(candidate)
      .max(8)
      .meta({ description: 'Where it fitted, best first.', 'x-kubernetes-list-type': 'atomic' }),
    victims: z
      .array(z.string().max(256))
      .max(16)
      .optional()
      .meta({ description: 'First 16 workloads that were pushed out for it.', 'x-kubernetes-list-type': 'atomic' }),
    filtered: z
      .array(filtered)
      .max(8)
      .meta({ description: 'Where it could not run, and why.', 'x-kubernetes-list-type': 'atomic' }),
  })
  .meta({ description: 'Record of the choice of region.' });
export type Decision = z.output<typeof decision>;

export const placementStatus = z
  .object({
    region: name('Region it runs in.'),
    cluster: name('RegionalCluster it runs in.'),
    accelerator: name('Accelerator type, empty for CPU only.'),
    gpus: int('Accelerators held.'),
    nodeCount: int('Distinct nodes held.'),
    nodes: z
      .array(z.string().max(253))
      .max(8)
      .meta({ description: 'First 8 node names in rank order.', 'x-kubernetes-list-type': 'atomic' }),
    decidedAt: time('When it was decided.'),
    decision: decision.optional(),
  })
  .meta({ description: 'Where it runs and why, for people; status.admission is the truth.' });
export type PlacementStatus = z.output<typeof placementStatus>;

export const avoidedNode = z.object({
  cluster: z.string().max(63).meta({ description: 'RegionalCluster of the node.' }),
  node: z.string().max(253).meta({ description: 'Node that is avoided.' }),
  reason: z.string().max(64).meta({ description: 'NodeLost or BindConflict.' }),
  bootId: z.string().max(64).optional().meta({ description: 'Avoided until the boot id differs from this.' }),
  until: time('Avoided until then.').optional(),
});
export type AvoidedNode = z.output<typeof avoidedNode>;

/** Fields of a queue's `preemption`. */
export const PREEMPTION_RULES = ['WithinQueue', 'Reclaim', 'Borrow'] as const;
export type PreemptionRule = (typeof PREEMPTION_RULES)[number];

const victim = z.object({
  key: z.string().max(64).meta({ description: 'uid of the workload; with the ordinal of the replica for a serving.' }),
  kind: name('Kind of the workload.'),
  namespace: name('Namespace of the workload.'),
  name: name('Name of the workload.'),
  queue: name('Queue it holds quota of.'),
  priority: signedInt('Its priority.'),
  rule: z
    .enum(PREEMPTION_RULES)
    .optional()
    .meta({ description: 'Field of the preemption of the queue it goes for, which lets it be pushed out.' }),
  lostMilliGpuHours: int('Accelerator-hours it does again, in thousandths: since its last checkpoint, and to start.'),
});

const nominationShape = {
  cluster: name('RegionalCluster.'),
  accelerator: name('Accelerator type, or empty for a CPU-only workload.'),
  queueCharges: z
    .array(queueCharge)
    .max(16)
    .meta({ description: 'What is kept free of which quota key.', 'x-kubernetes-list-type': 'atomic' }),
  assignment: z
    .string()
    .max(262_144)
    .meta({ description: 'Nodes that are kept free, in rank order; written as in admission.' }),
  victims: z
    .array(victim)
    .max(1024)
    .meta({ description: 'Workloads that are pushed out for it.', 'x-kubernetes-list-type': 'atomic' }),
  until: time('It is given up then.'),
};

export const nomination = z
  .object(nominationShape)
  .meta({ description: 'A place that is being cleared for it: nobody else is given it meanwhile.' });
export type NominationStatus = z.output<typeof nomination>;

export const replicaNomination = z
  .object({ replica: int('Ordinal of the replica.', 0, 1023), ...nominationShape })
  .meta({ description: 'A place that is being cleared for one replica.' });
export type ReplicaNomination = z.output<typeof replicaNomination>;
