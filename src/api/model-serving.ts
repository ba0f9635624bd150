import { z } from 'zod';
import {
  acceleratorPolicy,
  accelerators,
  acceleratorsRule,
  conditions,
  display,
  int,
  MODEL_CLASSES,
  opaqueObject,
  preemptible,
  priorityClassName,
  queueName,
  time,
  usage,
} from './common.ts';
import { avoidedNode, placementStatus, replicaAdmission, replicaNomination } from './decision.ts';
import type { CustomResource, KindDefinition } from './kind.ts';
import { immutable, mutableWhileSuspended, workloadNameRule } from './kind.ts';
import { servingPlacement, wholeSlices } from './placement.ts';

const podTemplateNote =
  'The container named main serves the model; accelerators are injected into it, and its ports (8000 where it declares none) are those of the Service. nodeName, nodeAffinity, schedulingGates, schedulerName, priorityClassName, priority, serviceAccountName, automountServiceAccountToken, hostname, subdomain, resourceClaims, host namespaces, hostPath, privileged, pod affinity, topologySpreadConstraints and, of main, reserved env are refused in condition SpecHonoured.';

export const modelServingSpec = z
  .object({
    model: z
      .object({
        name: z
          .string()
          .min(1)
          .max(63)
          .optional()
          .meta({ description: 'Name of the model; a label of metrics. Default: the object’s name.' }),
        uri: z
          .string()
          .min(1)
          .max(1024)
          .meta({ description: 'Where the weights are; injected as AIDC_MODEL_URI. A change rolls the replicas.' }),
        class: z
          .enum(MODEL_CLASSES)
          .default('Other')
          .meta({
            description:
              'Kind of model: which throughput of an accelerator holds for it; a label of metrics. Immutable. Default Other.',
            'x-kubernetes-validations': [immutable],
          }),
      })
      .meta({ description: 'The model that is served.' }),
    template: opaqueObject(
      `PodTemplateSpec of a replica (of its leader when there are workers). A change rolls the replicas one by one. ${podTemplateNote}`,
    ),
    worker: opaqueObject(
      `PodTemplateSpec of the pods of a replica after the first. Default: template. Needs nodesPerReplica of 2 or more. ${podTemplateNote}`,
    ).optional(),
    nodesPerReplica: int('Pods of one replica, placed together or not at all. Immutable. Default 1.', 1, 64)
      .default(1)
      .meta({
        description: 'Pods of one replica, placed together or not at all. Immutable. Default 1.',
        format: 'int32',
        'x-kubernetes-validations': [immutable],
      }),
    replicas: int('Replicas wanted; the target of kubectl scale. 0 stops all. Default 1.', 0, 256).default(1),
    accelerators,
    acceleratorPolicy,
    queue: queueName,
    priorityClassName,
    preemptible: preemptible(false),
    placement: servingPlacement,
    suspend: z.boolean().default(false).meta({
      description: 'True stops every replica and releases nodes and quota; false queues them again. Default false.',
    }),
  })
  .meta({
    description: 'What to serve, on what, and near whom.',
    'x-kubernetes-validations': [
      acceleratorsRule,
      mutableWhileSuspended('acceleratorPolicy'),
      mutableWhileSuspended('queue', { optional: true }),
      mutableWhileSuspended('priorityClassName', { optional: true }),
      wholeSlices('nodesPerReplica'),
      { rule: '!has(self.worker) || self.nodesPerReplica >= 2', message: 'worker needs nodesPerReplica of 2 or more.' },
    ],
  });

/** A replica's hold on its nodes, from the decision until the member confirms that nothing of it is left. */
const heldReplica = replicaAdmission
  .extend({
    ending: z
      .object({
        reason: z.string().max(64).meta({ description: 'Why the replica gives its nodes back, one word.' }),
        message: z.string().max(512).meta({ description: 'Why, in a sentence.' }),
        time: time('Since when.'),
      })
      .optional()
      .meta({ description: 'Set while its member objects are being removed; the nodes are held until they are gone.' }),
  })
  .meta({ description: 'Binding decision for one replica, and whether it is being given back.' });
export type HeldReplica = z.output<typeof heldReplica>;

const replicaStatus = z.object({
  replica: int('Ordinal.', 0, 1023),
  region: z.string().max(63).meta({ description: 'Region it runs in.' }),
  cluster: z.string().max(63).meta({ description: 'RegionalCluster it runs in.' }),
  ready: z.boolean().meta({ description: 'All its pods are ready.' }),
  revision: z.string().max(64).meta({ description: 'Hash of the template it runs.' }),
  nodes: z
    .array(z.string().max(253))
    .max(8)
    .meta({ description: 'First 8 node names in rank order.', 'x-kubernetes-list-type': 'atomic' }),
  message: z.string().max(512).optional().meta({ description: 'Why it is not ready, where a cause is seen.' }),
});

export const SERVING_PHASES = [
  'Pending',
  'Queued',
  'Loading',
  'Ready',
  'Degraded',
  'Updating',
  'ScaledToZero',
  'Suspended',
] as const;
export type ServingPhase = (typeof SERVING_PHASES)[number];

export const modelServingStatus = z
  .object({
    observedGeneration: int('metadata.generation the status was made for.').optional(),
    phase: z
      .enum(SERVING_PHASES)
      .optional()
      .meta({ description: 'One word for people; programs read the conditions.' }),
    conditions: conditions.optional(),
    replicas: int('Replicas that hold nodes.', 0, 1024).optional(),
    readyReplicas: int('Replicas whose pods are all ready.', 0, 1024).optional(),
    updatedReplicas: int('Replicas of the present template.', 0, 1024).optional(),
    rollingReplica: int(
      'Replica that is being replaced because the template changed; the next one waits until it is ready.',
      0,
      1023,
    ).optional(),
    selector: z.string().max(512).optional().meta({ description: 'Label selector of the pods, for autoscalers.' }),
    attempt: int('Highest attempt number given to a replica.').optional(),
    admissions: z
      .array(heldReplica)
      .max(256)
      .optional()
      .meta({
        description: 'Binding decision of each replica; the truth after a restart.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['replica'],
      }),
    nominations: z
      .array(replicaNomination)
      .max(256)
      .optional()
      .meta({
        description: 'Places that are being cleared for replicas.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['replica'],
      }),
    placement: placementStatus.optional(),
    replicaStatuses: z
      .array(replicaStatus)
      .max(256)
      .optional()
      .meta({
        description: 'What each replica does.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['replica'],
      }),
    avoid: z
      .array(avoidedNode)
      .max(16)
      .optional()
      .meta({ description: 'Nodes that are not used again for now.', 'x-kubernetes-list-type': 'atomic' }),
    url: z.string().max(512).optional().meta({ description: 'Address inside the member cluster.' }),
    addresses: z
      .array(
        z.object({
          region: z.string().max(63).meta({ description: 'Region.' }),
          url: z.string().max(512).meta({ description: 'Address inside that region’s cluster.' }),
        }),
      )
      .max(32)
      .optional()
      .meta({
        description: 'Address by region.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['region'],
      }),
    queue: z.string().max(63).optional().meta({ description: 'Queue its replicas are charged to.' }),
    tenant: z.string().max(63).optional().meta({ description: 'Tenant, frozen at first admission.' }),
    startTime: time('When it was first ready.').optional(),
    usage: usage.optional(),
    display: display.optional(),
  })
  .meta({ description: 'What was decided and seen.' });

export type ModelServingSpec = z.output<typeof modelServingSpec>;
export type ModelServingStatus = z.output<typeof modelServingStatus>;
export type ModelServing = CustomResource<ModelServingSpec, ModelServingStatus>;

export const MODEL_SERVING: KindDefinition = {
  kind: 'ModelServing',
  plural: 'modelservings',
  singular: 'modelserving',
  shortNames: ['msv'],
  namespaced: true,
  description: 'A model served by replicas near its users; each replica is a gang of pods.',
  spec: modelServingSpec,
  status: modelServingStatus,
  rules: [workloadNameRule],
  scale: { specPath: '.spec.replicas', statusPath: '.status.replicas', selectorPath: '.status.selector' },
  columns: [
    { name: 'Phase', path: '.status.phase' },
    { name: 'Ready', path: '.status.display.ready' },
    { name: 'URL', path: '.status.url' },
    { name: 'Region', path: '.status.placement.region' },
    { name: 'GPUs', path: '.status.display.gpus' },
    { name: 'kWh', path: '.status.display.kWh' },
    { name: 'Age', path: '.metadata.creationTimestamp', type: 'date' },
    { name: 'Tenant', path: '.status.tenant', wide: true },
    { name: 'Queue', path: '.status.queue', wide: true },
    { name: 'Cost', path: '.status.display.cost', wide: true },
    { name: 'CO2', path: '.status.display.co2', wide: true },
    { name: 'Reason', path: '.status.display.reason', wide: true },
  ],
};
