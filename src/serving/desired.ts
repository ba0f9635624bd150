import { type Admission, LABEL, type ModelServing } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import { stableHash } from '../core/shape.ts';
import {
  hubAnnotations,
  mainResources,
  mergeEnv,
  type RunIdentity,
  renderPod,
  runAnnotations,
  runLabels,
  workloadLabels,
} from '../workloads/pod.ts';
import type { Container, PodTemplate } from '../workloads/pod-template.ts';

/** Name of the container that serves the model. */
export const MAIN = 'main';
/** Port of the Service where the container declares none. */
const DEFAULT_PORT = 8000;
/** Port of the rendezvous of a replica of several pods. */
const MASTER_PORT = 29_500;
/** A StatefulSet's pods carry `<its name>-<10 characters>` as a label, and a label's value has at most 63. */
const MAX_OBJECT_NAME = 52;

type PlacedReplica = Admission & { readonly replica: number };

/** What the pods must know of the place, beside the admission. */
export interface ReplicaPlace {
  readonly hubId: string;
  readonly region: string;
}

/** Changes when anything that a replica's pods are made of changes: the replicas are then replaced one by one. */
export function revisionOf({ spec }: Pick<ModelServing, 'spec'>): string {
  const { model, template, worker, nodesPerReplica } = spec;
  return stableHash([model.uri, template, worker, nodesPerReplica]);
}

/** Name of what an attempt's objects are made under; short enough for every attempt of every name. */
export function objectName(serving: string, attempt: number): string {
  const plain = `${serving}-${attempt}`;
  if (plain.length <= MAX_OBJECT_NAME) return plain;
  const tail = `-${stableHash(serving).slice(0, 6)}-${attempt}`;
  return `${serving.slice(0, MAX_OBJECT_NAME - tail.length)}${tail}`;
}

function identityOf(serving: ModelServing, admission: Admission, hubId: string): RunIdentity {
  const { metadata } = serving;
  const { attempt, epoch, shapeHash } = admission;
  const { name, namespace = '', uid = '' } = metadata;
  return { hubId, kind: 'ModelServing', namespace, name, uid, attempt, epoch, shapeHash };
}

/**
 * The objects of one replica, created once and never changed: a Deployment of one pod; or a StatefulSet of all pods,
 * or of the leader beside a second one of the workers where they have a template of their own. They are pinned to
 * the replica's nodes, so that the member heals it without the hub.
 */
export function replicaObjects(serving: ModelServing, admission: PlacedReplica, place: ReplicaPlace): object[] {
  const { nodesPerReplica, template, worker } = serving.spec;
  const nodes = decodeAssignment(admission.assignment);
  const make = (part: Omit<Part, 'serving' | 'admission' | 'place'>): object =>
    workloadObject({ serving, admission, place, ...part });
  const name = objectName(serving.metadata.name, admission.attempt);
  if (nodesPerReplica === 1) return [make({ kind: 'Deployment', name, template: template as PodTemplate, nodes })];
  if (worker === undefined) return [make({ kind: 'StatefulSet', name, template: template as PodTemplate, nodes })];
  const [leader, workers] = [nodes.slice(0, 1), nodes.slice(1)];
  return [
    make({ kind: 'StatefulSet', name, template: template as PodTemplate, nodes: leader, role: 'leader' }),
    make({ kind: 'StatefulSet', name: `${name}-w`, template: worker as PodTemplate, nodes: workers, role: 'worker' }),
  ];
}

/** Names of the objects that `replicaObjects` makes for any spec of this number of pods, to remove them by. */
export function replicaObjectNames(serving: ModelServing, attempt: number): { kind: string; name: string }[] {
  const name = objectName(serving.metadata.name, attempt);
  if (serving.spec.nodesPerReplica === 1) return [{ kind: 'Deployment', name }];
  return [
    { kind: 'StatefulSet', name },
    { kind: 'StatefulSet', name: `${name}-w` },
  ];
}

interface Part {
  readonly serving: ModelServing;
  readonly admission: PlacedReplica;
  readonly place: ReplicaPlace;
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly name: string;
  readonly template: PodTemplate;
  /** Node of each of its pods. */
  readonly nodes: readonly string[];
  /** Set where the replica has a second object. */
  readonly role?: 'leader' | 'worker';
}

function workloadObject(part: Part): object {
  const { serving, admission, place, kind, name, nodes, role } = part;
  const run = identityOf(serving, admission, place.hubId);
  const labels = {
    ...runLabels(run),
    [LABEL.replica]: String(admission.replica),
    [LABEL.revision]: revisionOf(serving),
  };
  const selector = { [LABEL.workloadUid]: run.uid, [LABEL.attempt]: String(run.attempt) };
  const own = role === undefined ? selector : { ...selector, [LABEL.role]: role };
  const template = renderPod({
    run,
    extraLabels: { ...labels, ...own },
    template: part.template,
    main: mainContainer(part),
    resourceName: admission.resourceName,
    nodes,
    spec: {},
  });
  const common = { replicas: nodes.length, selector: { matchLabels: own }, template };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: run.namespace, labels, annotations: runAnnotations(run) },
    spec:
      kind === 'Deployment'
        ? // The old pod must be gone before the new one starts: the nodes have no room for both.
          { ...common, strategy: { type: 'Recreate' }, revisionHistoryLimit: 0 }
        : {
            ...common,
            serviceName: objectName(serving.metadata.name, admission.attempt),
            podManagementPolicy: 'Parallel',
            ...(role === 'worker' ? { ordinals: { start: 1 } } : {}),
          },
  };
}

function mainContainer({ serving, admission, place, template }: Part): Container {
  const base = template.spec?.containers?.find((container) => container.name === MAIN);
  return {
    ...base,
    name: MAIN,
    env: mergeEnv(base?.env, replicaEnv(serving, admission, place)),
    resources: mainResources([base?.resources], {
      resourceName: admission.resourceName,
      perPod: admission.gpusPerNode,
      perUnit: admission.resourcesPerUnit,
    }),
  };
}

type Env = { name: string; value?: string; valueFrom?: object }[];

/** The names that people script against; the pods of a replica find each other as those of a LeaderWorkerSet do. */
function replicaEnv({ metadata, spec }: ModelServing, admission: PlacedReplica, place: ReplicaPlace): Env {
  const value = (name: string, text: string | number) => ({ name, value: String(text) });
  const all = [
    value('AIDC_MODEL_URI', spec.model.uri),
    value('AIDC_REGION', place.region),
    value('AIDC_CLUSTER', admission.cluster),
    value('AIDC_REPLICA', admission.replica),
    value('AIDC_ATTEMPT', admission.attempt),
  ];
  if (spec.nodesPerReplica === 1) return all;
  const name = objectName(metadata.name, admission.attempt);
  const leader = `${name}-0.${name}`;
  return [
    ...all,
    value('LWS_LEADER_ADDRESS', leader),
    value('LWS_GROUP_SIZE', spec.nodesPerReplica),
    {
      name: 'LWS_WORKER_INDEX',
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" } },
    },
    value('MASTER_ADDR', leader),
    value('MASTER_PORT', MASTER_PORT),
  ];
}

/** Headless Service that gives the pods of one replica their names; it goes when the leader's StatefulSet goes. */
export function groupService(
  serving: ModelServing,
  admission: PlacedReplica,
  hubId: string,
  owner: { readonly name: string; readonly uid: string },
): object {
  const run = identityOf(serving, admission, hubId);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: owner.name,
      namespace: run.namespace,
      labels: runLabels(run),
      annotations: runAnnotations(run),
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', ...owner }],
    },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { [LABEL.workloadUid]: run.uid, [LABEL.attempt]: String(run.attempt) },
    },
  };
}

interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: string;
}

/** What the container named main declares, else 8000. */
export function servicePorts({ spec }: Pick<ModelServing, 'spec'>): ServicePort[] {
  const { containers = [] } = (spec.template as PodTemplate).spec ?? {};
  const declared = containers.find(({ name }) => name === MAIN)?.ports ?? [];
  if (declared.length === 0) return [{ name: 'http', port: DEFAULT_PORT, targetPort: DEFAULT_PORT, protocol: 'TCP' }];
  return declared.map(({ name, containerPort, protocol = 'TCP' }) => ({
    name: name ?? `port-${containerPort}`,
    port: containerPort,
    targetPort: containerPort,
    protocol,
  }));
}

/** Labels of the pods that answer: all, or the leaders where a replica has several pods. */
export function servingSelector({ metadata, spec }: Pick<ModelServing, 'metadata' | 'spec'>): Record<string, string> {
  return {
    [LABEL.workloadUid]: metadata.uid ?? '',
    ...(spec.nodesPerReplica > 1 ? { 'apps.kubernetes.io/pod-index': '0' } : {}),
  };
}

/** The Service of the serving in one cluster, under the serving's own name. */
export function servingService(serving: ModelServing, hubId: string, epoch: number): object {
  const { name, namespace = '', uid = '' } = serving.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace,
      labels: workloadLabels({ kind: 'ModelServing', name, uid }),
      annotations: hubAnnotations({ hubId, epoch }),
    },
    spec: { selector: servingSelector(serving), ports: servicePorts(serving) },
  };
}
