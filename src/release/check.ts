import { API_VERSION, type ModelTraining } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, type KubeObject, PODS } from '../kube/resource.ts';
import { errorMessage } from '../runtime/errors.ts';
import { CRD_NAMES, TRAININGS } from './kinds.ts';

/** What is wrong, a sentence each; none: all is well. */
export type Findings = readonly string[];

interface Crd extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Every CRD is Established, and a training is accepted: it is sent as a dry run, nothing is stored. */
export async function checkKinds(client: Pick<KubeClient, 'get' | 'create'>, namespace: string): Promise<Findings> {
  const crds = await Promise.all(CRD_NAMES.map((name) => crdFinding(client, name)));
  const missing = crds.filter((finding) => finding !== undefined);
  return missing.length > 0 ? missing : trainingFinding(client, namespace);
}

async function crdFinding(client: Pick<KubeClient, 'get'>, name: string): Promise<string | undefined> {
  try {
    const { status } = await client.get<Crd>(CUSTOM_RESOURCE_DEFINITIONS, { name });
    const isEstablished = status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True');
    return isEstablished === true ? undefined : `CRD ${name} is not Established: kubectl describe crd ${name}`;
  } catch (error) {
    if (isNotFound(error)) return `CRD ${name} is missing: apply it, or set crds.install to true`;
    throw error;
  }
}

async function trainingFinding(client: Pick<KubeClient, 'create'>, namespace: string): Promise<Findings> {
  const body = {
    apiVersion: API_VERSION,
    kind: 'ModelTraining',
    metadata: { name: 'release-test', namespace },
    spec: { model: { name: 'test' }, trainer: { image: 'test:1' }, accelerators: [{ type: 'any', countPerNode: 1 }] },
  } satisfies { [field: string]: unknown };
  try {
    const options = { namespace, body, dryRun: true, fieldValidation: 'Strict' } as const;
    const { spec } = await client.create<KubeObject & Pick<ModelTraining, 'spec'>>(TRAININGS, options);
    // A default of the schema: without it the CRD is not ours.
    return spec.trainer.numNodes === 1 ? [] : ['the API server put no defaults into a ModelTraining'];
  } catch (error) {
    return [`a ModelTraining is refused: ${errorMessage(error)}`];
  }
}

interface AgentPod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: { readonly podIP?: string };
}

export interface AgentCheck {
  readonly namespace: string;
  /** Labels of the agents' pods. */
  readonly selector: string;
  /** @returns status and text of GET; rejects where nobody answers */
  readonly ask: (url: string) => Promise<{ readonly status: number; readonly text: string }>;
}

/** There is an agent, and every one answers that it has samples. */
export async function checkAgents(client: Pick<KubeClient, 'list'>, check: AgentCheck): Promise<Findings> {
  const { namespace, selector: labelSelector } = check;
  const { items } = await client.list<AgentPod>(PODS, { namespace, labelSelector });
  if (items.length === 0) return ['no agent runs: no node has the labels of agent.nodeSelector'];
  return (await Promise.all(items.map((pod) => agentFinding(check, pod)))).flat();
}

async function agentFinding({ ask }: AgentCheck, { metadata, spec, status }: AgentPod): Promise<Findings> {
  const who = `the agent ${metadata.name} on node ${spec.nodeName ?? 'none yet'}`;
  if (status?.podIP === undefined) return [`${who} has not started: kubectl describe pod ${metadata.name}`];
  const host = status.podIP.includes(':') ? `[${status.podIP}]` : status.podIP;
  const port = spec.containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === 'http')?.containerPort;
  try {
    const answer = await ask(`http://${host}:${port ?? 8080}/readyz`);
    return answer.status === 200 ? [] : [`${who} is not ready: ${answer.text.trim()}`];
  } catch (error) {
    return [`${who} does not answer: ${errorMessage(error)}`];
  }
}
