import { z } from 'zod';
import {
  acceleratorPolicy,
  accelerators,
  acceleratorsRule,
  int,
  MODEL_CLASSES,
  opaqueObject,
  preemptible,
  priorityClassName,
  quantity,
  queueName,
} from './common.ts';
import type { CustomResource, KindDefinition } from './kind.ts';
import { immutable, immutableOptional, mutableWhileSuspended, workloadNameRule } from './kind.ts';
import { placement, wholeSlices } from './placement.ts';
import { type ModelTrainingStatus, modelTrainingStatus } from './training-status.ts';

export const TASKS = ['Pretrain', 'FineTune', 'LoRA', 'Evaluate', 'BatchInference'] as const;
export const FRAMEWORKS = ['Torch', 'DeepSpeed', 'Megatron', 'JAX', 'Plain'] as const;

export const envVar = z
  .object({
    name: z.string().min(1).max(256).meta({ description: 'Name of the variable.' }),
    value: z.string().max(32_768).optional().meta({ description: 'Its value. Default "".' }),
    valueFrom: opaqueObject(
      'Source of the value, as in a Pod (secrets and ConfigMaps of the member). Default: none.',
    ).optional(),
  })
  .meta({ description: 'Environment variable as in a Pod.' });

export const resources = z
  .object({
    limits: z
      .record(z.string(), quantity('Quantity of the resource.'))
      .optional()
      .meta({ description: 'Limits of each pod, for example cpu, memory. Default {}.', maxProperties: 16 }),
    requests: z
      .record(z.string(), quantity('Quantity of the resource.'))
      .optional()
      .meta({ description: 'Requests of each pod. Default: the limits.', maxProperties: 16 }),
  })
  .prefault({})
  .meta({ description: 'Resources of each pod other than the accelerators. Default {}.' });
export type Resources = z.output<typeof resources>;

/** Variables that tell a program of its placement: by how they begin, and by name. */
const RESERVED_ENV = {
  prefixes: ['PET_', 'AIDC_'],
  names: [
    ...['MASTER_ADDR', 'MASTER_PORT', 'NNODES', 'NODE_RANK'],
    ...['JAX_NUM_PROCESSES', 'JAX_PROCESS_ID', 'JAX_COORDINATOR_ADDRESS'],
  ],
};

export const isReservedEnv = (name: string): boolean =>
  RESERVED_ENV.names.includes(name) || RESERVED_ENV.prefixes.some((prefix) => name.startsWith(prefix));

const reservedEnv = {
  rule: `!has(self.env) || self.env.all(e, ${RESERVED_ENV.prefixes.map((prefix) => `!e.name.startsWith('${prefix}')`).join(' && ')} && !(e.name in [${RESERVED_ENV.names.map((name) => `'${name}'`).join(',')}]))`,
  message:
    'env must not set PET_*, AIDC_*, MASTER_ADDR, MASTER_PORT, NNODES, NODE_RANK or JAX_*: the operator sets them from the placement.',
};

export const modelTrainingSpec = z
  .object({
    model: z
      .object({
        name: z.string().min(1).max(63).meta({ description: 'Name of the model; a label of metrics.' }),
        class: z.enum(MODEL_CLASSES).default('Other').meta({
          description:
            'Kind of model: which throughput of an accelerator holds for it; a label of metrics. Default Other.',
        }),
      })
      .meta({ description: 'The model that is trained. Immutable.', 'x-kubernetes-validations': [immutable] }),
    task: z
      .enum(TASKS)
      .default('FineTune')
      .meta({
        description:
          'What is done; LoRA and BatchInference are kept for an hour when finished. Immutable. Default FineTune.',
        'x-kubernetes-validations': [immutable],
      }),
    framework: z
      .enum(FRAMEWORKS)
      .default('Torch')
      .meta({
        description:
          'Which rendezvous variables are injected: PET_* and MASTER_* (Torch, DeepSpeed, Megatron), JAX_* (JAX), none (Plain). Immutable. Default Torch.',
        'x-kubernetes-validations': [immutable],
      }),
    trainer: z
      .object({
        image: z
          .string()
          .min(1)
          .max(512)
          .meta({ description: 'Container image. Immutable.', 'x-kubernetes-validations': [immutable] }),
        command: z
          .array(z.string().max(8192))
          .max(128)
          .default([])
          .meta({
            description: 'Entry point; empty: the image’s. Immutable. Default [].',
            'x-kubernetes-list-type': 'atomic',
            'x-kubernetes-validations': [immutable],
          }),
        args: z
          .array(z.string().max(8192))
          .max(256)
          .default([])
          .meta({
            description: 'Arguments. Immutable. Default [].',
            'x-kubernetes-list-type': 'atomic',
            'x-kubernetes-validations': [immutable],
          }),
        env: z
          .array(envVar)
          .max(256)
          .default([])
          .meta({
            description: 'Environment; names the operator sets itself are refused. Immutable. Default [].',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            'x-kubernetes-validations': [immutable],
          }),
        numNodes: int('Pods of the gang, all started together or not at all. Default 1.', 1, 8192).default(1),
        numProcPerNode: int(
          'Processes per pod for PET_NPROC_PER_NODE. Immutable. Default: accelerators per pod, else 1.',
          1,
          1024,
        ).optional(),
        resourcesPerNode: resources,
        podTemplate: opaqueObject(
          'Partial PodTemplateSpec merged under the generated pod; the container named trainer is ours. nodeName, nodeAffinity, schedulingGates, schedulerName, priorityClassName, priority, serviceAccountName, automountServiceAccountToken, restartPolicy, hostname, subdomain, resourceClaims, host namespaces, hostPath, privileged, pod affinity, topologySpreadConstraints and, of trainer, image and reserved env are refused in condition SpecHonoured. Default: none.',
        ).optional(),
      })
      .meta({
        description: 'The gang of pods.',
        'x-kubernetes-validations': [reservedEnv, immutableOptional('numProcPerNode')],
      }),
    accelerators,
    acceleratorPolicy,
    datasets: z
      .array(
        z.object({
          name: z.string().min(1).max(63).meta({ description: 'Dataset in the same namespace.' }),
        }),
      )
      .max(16)
      .default([])
      .meta({
        description:
          'Data it reads: the run is bound to regions that hold every one of them and whose jurisdiction its residency allows; the address is injected as AIDC_DATASET_<NAME>. Immutable. Default [].',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
    checkpoint: z
      .object({
        uri: z.string().min(1).max(1024).meta({
          description:
            'Where checkpoints go; {region} stands for the region. Injected as AIDC_CHECKPOINT_DIR with /attempt-<n> added, and as AIDC_RESUME_FROM with the newest attempt before it that told of a checkpoint (aidc.dev/last-checkpoint-time), else that ran. Immutable.',
        }),
        graceSeconds: int('Time after SIGTERM to write a last checkpoint, in seconds. Default 120.', 0, 3600).default(
          120,
        ),
      })
      .optional()
      .meta({ description: 'Checkpointing. Default: none is assumed.' }),
    energy: z
      .object({
        powerCap: z.enum(['None', 'Auto', 'Fixed']).default('None').meta({
          description:
            'Power cap of its boards, where the agents of the nodes apply caps. Auto: seven eighths of what they draw without one, six tenths of their limit at least. Fixed: gpuPowerCapWatts. Default None.',
        }),
        gpuPowerCapWatts: int(
          'Cap of each board in watts; what a board cannot take is brought within its bounds. Only with powerCap Fixed. Default: none.',
          1,
          100_000,
        ).optional(),
      })
      .prefault({})
      .meta({
        description: 'How it uses energy. Default {}.',
        'x-kubernetes-validations': [
          {
            rule: "has(self.gpuPowerCapWatts) == (has(self.powerCap) && self.powerCap == 'Fixed')",
            message: 'gpuPowerCapWatts is set if and only if powerCap is Fixed.',
          },
        ],
      }),
    queue: queueName,
    priorityClassName,
    preemptible: preemptible(true),
    placement,
    failurePolicy: z
      .object({
        maxRestarts: int('Restarts after lost nodes or pods. Default 20.', 0, 1000).default(20),
        maxErrorRestarts: int('Restarts after the program failed. Default 3.', 0, 1000).default(3),
        backoff: z
          .object({
            initialSeconds: int('First wait before a restart, in seconds; doubles. Default 30.', 0, 3600).default(30),
            maxSeconds: int('Longest wait before a restart, in seconds. Default 600.', 0, 86_400).default(600),
          })
          .prefault({})
          .meta({
            description: 'Waits between restarts. Default {}.',
            'x-kubernetes-validations': [
              {
                rule: '!has(self.maxSeconds) || !has(self.initialSeconds) || self.maxSeconds >= self.initialSeconds',
                message: 'maxSeconds must not be below initialSeconds.',
              },
            ],
          }),
      })
      .prefault({})
      .meta({ description: 'What happens when it fails. Default {}.' }),
    suspend: z.boolean().default(false).meta({
      description:
        'True stops it, releases nodes and quota at once and keeps it; false queues it again. Default false.',
    }),
    activeDeadlineSeconds: int(
      'Longest total running time over all attempts, in seconds; then it fails. Default: no bound.',
      1,
    ).optional(),
    preRunningDeadlineSeconds: int(
      'Longest time from creation until it first runs, in seconds; then it fails. Default: no bound.',
      1,
    ).optional(),
    ttlSecondsAfterFinished: int(
      'Kept this long after it finished, in seconds. Default 604800 (7 days); 3600 for LoRA and BatchInference.',
    ).optional(),
  })
  .meta({
    description: 'What to train, on what, and where it may run.',
    'x-kubernetes-validations': [
      mutableWhileSuspended('trainer.numNodes'),
      mutableWhileSuspended('trainer.resourcesPerNode'),
      mutableWhileSuspended('trainer.podTemplate', { optional: true }),
      acceleratorsRule,
      mutableWhileSuspended('acceleratorPolicy'),
      mutableWhileSuspended('energy'),
      mutableWhileSuspended('queue', { optional: true }),
      mutableWhileSuspended('priorityClassName', { optional: true }),
      mutableWhileSuspended('placement.regions', { order: { of: 'placement.regions.preferred', by: 'e' } }),
      mutableWhileSuspended('placement.cluster', { optional: true }),
      mutableWhileSuspended('placement.clusterSelector', { optional: true }),
      mutableWhileSuspended('placement.residency'),
      mutableWhileSuspended('placement.topology'),
      wholeSlices('trainer.numNodes'),
      { rule: 'self.datasets == oldSelf.datasets', message: 'datasets is immutable.' },
      // Attempts resume from below it; what holds uri is optional, so a rule on uri itself could be stepped around.
      {
        rule: 'has(self.checkpoint) == has(oldSelf.checkpoint) && (!has(self.checkpoint) || self.checkpoint.uri == oldSelf.checkpoint.uri)',
        message: 'checkpoint.uri is immutable.',
      },
    ],
  });

export type ModelTrainingSpec = z.output<typeof modelTrainingSpec>;
export type ModelTraining = CustomResource<ModelTrainingSpec, ModelTrainingStatus>;

export const MODEL_TRAINING: KindDefinition = {
  kind: 'ModelTraining',
  plural: 'modeltrainings',
  singular: 'modeltraining',
  shortNames: ['mt'],
  namespaced: true,
  description: 'One training run (or batch inference): a gang of pods in one region.',
  spec: modelTrainingSpec,
  status: modelTrainingStatus,
  rules: [workloadNameRule],
  columns: [
    { name: 'Phase', path: '.status.phase' },
    { name: 'Queue', path: '.status.queue' },
    { name: 'Pos', path: '.status.display.position' },
    { name: 'GPUs', path: '.status.display.gpus' },
    { name: 'Model', path: '.status.display.accelerator' },
    { name: 'Region', path: '.status.placement.region' },
    { name: 'Progress', path: '.status.display.progress' },
    { name: 'kWh', path: '.status.display.kWh' },
    { name: 'Wait', path: '.status.display.wait' },
    { name: 'Age', path: '.metadata.creationTimestamp', type: 'date' },
    { name: 'Tenant', path: '.status.tenant', wide: true },
    { name: 'Cluster', path: '.status.placement.cluster', wide: true },
    { name: 'Nodes', path: '.status.display.nodes', wide: true },
    { name: 'Attempt', path: '.status.attempt', type: 'integer', wide: true },
    { name: 'Cost', path: '.status.display.cost', wide: true },
    { name: 'CO2', path: '.status.display.co2', wide: true },
    { name: 'Reason', path: '.status.display.reason', wide: true },
  ],
};
