import { type Admission, ANNOTATION, LABEL, type ModelTraining } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import { mainResources, mergeEnv, type RunIdentity, renderPod, runAnnotations, runLabels } from '../workloads/pod.ts';
import type { Container, PodTemplate } from '../workloads/pod-template.ts';
import { resumeSource } from './lifecycle.ts';

/** Name of the container that is ours to fill. */
export const TRAINER = 'trainer';
/** Port of the rendezvous, as torchrun and most launchers expect it. */
const RENDEZVOUS_PORT = '29500';

export const jobName = (training: string, attempt: number): string => `${training}-${attempt}`;

/** What the pods must know of the place, beside the admission. */
export interface RunPlace {
  readonly hubId: string;
  readonly region: string;
  /** Address of each Dataset in this region, by Dataset name. */
  readonly datasets: Readonly<Record<string, string>>;
}

export function runIdentity(training: ModelTraining, admission: Admission, hubId: string): RunIdentity {
  return {
    hubId,
    kind: 'ModelTraining',
    namespace: training.metadata.namespace ?? '',
    name: training.metadata.name,
    uid: training.metadata.uid ?? '',
    attempt: admission.attempt,
    epoch: admission.epoch,
    shapeHash: admission.shapeHash,
  };
}

/**
 * The Indexed Job of one attempt. It is created once and never changed (but for the renewal of a deadline that makes
 * it end where the hub is out of reach): a failed pod ends the attempt (backoffLimit 0), the hub decides what comes next. A gang's pods are born gated and get their nodes later;
 * a single pod has its node in the template.
 */
export function memberJob(training: ModelTraining, admission: Admission, place: RunPlace): object {
  const run = runIdentity(training, admission, place.hubId);
  const name = jobName(run.name, run.attempt);
  const { trainer, checkpoint } = training.spec;
  const template = (trainer.podTemplate ?? {}) as PodTemplate;
  const pod = renderPod({
    run,
    template,
    main: trainerContainer(training, admission, place, template),
    resourceName: admission.resourceName,
    extraAnnotations: powerCap(training),
    nodes: trainer.numNodes === 1 ? decodeAssignment(admission.assignment) : undefined,
    spec: {
      restartPolicy: 'Never',
      subdomain: name,
      ...(checkpoint === undefined ? {} : { terminationGracePeriodSeconds: graceSeconds(training) }),
    },
  });
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: run.namespace, labels: runLabels(run), annotations: runAnnotations(run) },
    spec: {
      completionMode: 'Indexed',
      completions: trainer.numNodes,
      parallelism: trainer.numNodes,
      backoffLimit: 0,
      ...(admission.relocateAfterSeconds === undefined
        ? {}
        : { activeDeadlineSeconds: admission.relocateAfterSeconds }),
      podReplacementPolicy: 'Failed',
      template: pod,
    },
  };
}

/** What the agents of its nodes are told. */
function powerCap({ spec: { energy } }: ModelTraining): Record<string, string> {
  if (energy.powerCap === 'None') return {};
  return { [ANNOTATION.gpuPowerCap]: String(energy.gpuPowerCapWatts ?? energy.powerCap) };
}

const KUBERNETES_GRACE_SECONDS = 30;

/** How long a pod may take to end after SIGTERM. */
export function graceSeconds({ spec }: ModelTraining): number {
  const template = spec.trainer.podTemplate as PodTemplate | undefined;
  const own = template?.spec?.terminationGracePeriodSeconds;
  const wanted = typeof own === 'number' ? own : undefined;
  if (spec.checkpoint === undefined) return wanted ?? KUBERNETES_GRACE_SECONDS;
  return Math.max(spec.checkpoint.graceSeconds, wanted ?? 0);
}

/** Headless Service that gives the gang's pods their names; it goes when its Job goes. */
export function memberService(training: ModelTraining, admission: Admission, hubId: string, jobUid: string): object {
  const run = runIdentity(training, admission, hubId);
  const name = jobName(run.name, run.attempt);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: run.namespace,
      labels: runLabels(run),
      annotations: runAnnotations(run),
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid: jobUid }],
    },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { [LABEL.workloadUid]: run.uid, [LABEL.attempt]: String(run.attempt) },
    },
  };
}

function trainerContainer(
  training: ModelTraining,
  admission: Admission,
  place: RunPlace,
  template: PodTemplate,
): Container {
  const { trainer } = training.spec;
  const base = template.spec?.containers?.find((container) => container.name === TRAINER);
  return {
    ...base,
    name: TRAINER,
    image: trainer.image,
    ...(trainer.command.length > 0 ? { command: trainer.command } : {}),
    ...(trainer.args.length > 0 ? { args: trainer.args } : {}),
    env: mergeEnv(base?.env, trainer.env, runEnv(training, admission, place)),
    resources: mainResources([base?.resources, trainer.resourcesPerNode], {
      resourceName: admission.resourceName,
      perPod: admission.gpusPerNode,
      perUnit: admission.resourcesPerUnit,
    }),
  };
}

type Env = { name: string; value?: string; valueFrom?: object }[];

function runEnv(training: ModelTraining, admission: Admission, place: RunPlace): Env {
  const value = (name: string, text: string | number) => ({ name, value: String(text) });
  return [
    ...rendezvousEnv(training, admission),
    value('AIDC_REGION', place.region),
    value('AIDC_CLUSTER', admission.cluster),
    value('AIDC_ATTEMPT', admission.attempt),
    ...checkpointEnv(training, place.region, admission.attempt),
    ...Object.entries(place.datasets).map(([dataset, uri]) => value(datasetEnvName(dataset), uri)),
  ];
}

/** Name of the variable with a Dataset's address: AIDC_DATASET_ and the name in capitals, other characters as _. */
export const datasetEnvName = (dataset: string): string =>
  `AIDC_DATASET_${dataset.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;

/**
 * Each attempt writes below a path of its own, so that a late writer of an older attempt spoils nothing. An earlier one
 * may have run, and written, in another region; one that never ran wrote nothing.
 */
function checkpointEnv({ spec, status }: ModelTraining, region: string, attempt: number): Env {
  const { uri } = spec.checkpoint ?? {};
  if (uri === undefined) return [];
  const folder = (where: string, number: number): string =>
    `${uri.replaceAll('{region}', where).replace(/\/+$/, '')}/attempt-${number}`;
  const from = resumeSource(status?.attempts?.filter((record) => record.attempt < attempt) ?? []);
  return [
    { name: 'AIDC_CHECKPOINT_DIR', value: folder(region, attempt) },
    ...(from === undefined ? [] : [{ name: 'AIDC_RESUME_FROM', value: folder(from.region || region, from.attempt) }]),
  ];
}

/** The names that torchrun, DeepSpeed, Megatron and JAX read; RANK and WORLD_SIZE belong to the launcher. */
function rendezvousEnv(training: ModelTraining, admission: Admission): Env {
  const { framework, trainer } = training.spec;
  const job = jobName(training.metadata.name, admission.attempt);
  const master = `${job}-0.${job}`;
  const rank = {
    valueFrom: { fieldRef: { fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']" } },
  };
  const nodes = String(trainer.numNodes);
  const perNode = String(trainer.numProcPerNode ?? Math.max(1, admission.gpusPerNode));
  if (framework === 'Plain') return [];
  if (framework === 'JAX') {
    return [
      { name: 'JAX_NUM_PROCESSES', value: nodes },
      { name: 'JAX_PROCESS_ID', ...rank },
      { name: 'JAX_COORDINATOR_ADDRESS', value: `${master}:${RENDEZVOUS_PORT}` },
    ];
  }
  return [
    { name: 'PET_NNODES', value: nodes },
    { name: 'PET_NPROC_PER_NODE', value: perNode },
    { name: 'PET_NODE_RANK', ...rank },
    { name: 'PET_MASTER_ADDR', value: master },
    { name: 'PET_MASTER_PORT', value: RENDEZVOUS_PORT },
    { name: 'MASTER_ADDR', value: master },
    { name: 'MASTER_PORT', value: RENDEZVOUS_PORT },
    { name: 'NNODES', value: nodes },
    { name: 'NODE_RANK', ...rank },
  ];
}
