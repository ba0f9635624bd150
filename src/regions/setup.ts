import { CLAIM_NAME, LABEL, MANAGED_BY, MEMBER_PRIORITY_CLASS, MEMBER_SYSTEM_NAMESPACE } from '../api/index.ts';
import type { CallOptions, KubeClient } from '../kube/client.ts';
import type { ServerVersion } from '../kube/client-types.ts';
import { isAlreadyExists, isForbidden, isNotFound } from '../kube/errors.ts';
import { CONFIG_MAPS, type KubeObject, NAMESPACES, PRIORITY_CLASSES, type Resource } from '../kube/resource.ts';
import { isTooOld, OLDEST_MINOR } from '../kube/version.ts';
import { errorMessage } from '../runtime/errors.ts';
import { MEMBER_REASON, type Problem } from './reasons.ts';

interface Claim extends KubeObject {
  data?: Record<string, string>;
}

export interface SetupResult {
  /** As the API server says it, for example v1.36.3; absent where it may not be read. */
  readonly version?: string;
  /** Nothing may be placed there because of it. */
  readonly problem?: Problem;
  /** Short of a problem, said in Ready's message. */
  readonly note?: string;
}

const managed = { labels: { [LABEL.managedBy]: MANAGED_BY } };

/**
 * Makes sure that the member is new enough, that this hub, and no other, manages the member, and that what its pods need is there: the claim, its
 * namespace and the PriorityClass. Each is created once and never changed. Rejects only where the API server did not
 * answer; a refusal is a result.
 */
export async function setUp(client: KubeClient, hubId: string, options: CallOptions): Promise<SetupResult> {
  const server = await versionOf(client, options);
  const version = server === undefined ? {} : { version: server.gitVersion };
  if (server !== undefined && isTooOld(server)) return { ...version, problem: tooOld(server) };
  const claim = await claimMember(client, hubId, options);
  return { ...version, ...(claim.problem !== undefined ? claim : await priorityClass(client, options)) };
}

async function versionOf(client: KubeClient, options: CallOptions): Promise<ServerVersion | undefined> {
  try {
    return await client.serverVersion(options);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return undefined;
  }
}

const tooOld = ({ gitVersion }: ServerVersion): Problem => ({
  reason: MEMBER_REASON.KubernetesTooOld,
  message: `The cluster runs Kubernetes ${gitVersion}; 1.${OLDEST_MINOR} or newer is needed. Upgrade it; what runs there goes on.`,
});

async function claimMember(client: KubeClient, hubId: string, options: CallOptions): Promise<SetupResult> {
  const where = { namespace: MEMBER_SYSTEM_NAMESPACE, name: CLAIM_NAME, ...options };
  const what = `ConfigMap ${MEMBER_SYSTEM_NAMESPACE}/${CLAIM_NAME}`;
  try {
    const found = await getOrUndefined<Claim>(client, CONFIG_MAPS, where);
    if (found !== undefined) return judge(found, hubId);
    const namespace = { metadata: { name: MEMBER_SYSTEM_NAMESPACE, ...managed } };
    if ((await getOrUndefined(client, NAMESPACES, { name: MEMBER_SYSTEM_NAMESPACE, ...options })) === undefined) {
      await createOnce(client, NAMESPACES, { body: namespace, ...options });
    }
    const body = { metadata: { name: CLAIM_NAME, namespace: MEMBER_SYSTEM_NAMESPACE, ...managed }, data: { hubId } };
    await createOnce(client, CONFIG_MAPS, { namespace: MEMBER_SYSTEM_NAMESPACE, body, ...options });
    // Another hub may have been quicker: what is stored now counts.
    return judge(await client.get<Claim>(CONFIG_MAPS, where), hubId);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return refused(
      `The claim of this hub cannot be made sure of: ${errorMessage(error)}. Grant get and create of ConfigMaps in ` +
        `namespace ${MEMBER_SYSTEM_NAMESPACE}, or create that namespace and ${what} with data.hubId "${hubId}".`,
    );
  }
}

function judge(claim: Claim, hubId: string): SetupResult {
  const owner = claim.data?.hubId ?? '';
  if (owner === hubId) return {};
  const since = claim.metadata.creationTimestamp ?? 'an unknown time';
  const message =
    `The cluster has been managed by another hub (id "${owner}") since ${since}; this hub is "${hubId}". Remove the ` +
    `RegionalCluster there, then delete ConfigMap ${MEMBER_SYSTEM_NAMESPACE}/${CLAIM_NAME} in the cluster; it is ` +
    'claimed here within a minute.';
  return { problem: { reason: MEMBER_REASON.ManagedByOtherHub, message } };
}

async function priorityClass(client: KubeClient, options: CallOptions): Promise<SetupResult> {
  const name = MEMBER_PRIORITY_CLASS;
  try {
    if ((await getOrUndefined(client, PRIORITY_CLASSES, { name, ...options })) !== undefined) return {};
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return {
      note: `PriorityClass ${name} cannot be read there (${errorMessage(error)}); pods are refused without it.`,
    };
  }
  const body = {
    metadata: { name, ...managed },
    value: 0,
    globalDefault: false,
    preemptionPolicy: 'Never',
    description: 'Pods placed by the hub: it alone preempts among them.',
  };
  try {
    await createOnce(client, PRIORITY_CLASSES, { body, ...options });
    return {};
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return refused(
      `PriorityClass ${name} is missing and may not be created: ${errorMessage(error)}. ` +
        `Create it there with value 0 and preemptionPolicy Never.`,
    );
  }
}

const refused = (message: string): SetupResult => ({ problem: { reason: MEMBER_REASON.SetupRefused, message } });

async function getOrUndefined<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: CallOptions & { name: string; namespace?: string },
): Promise<T | undefined> {
  try {
    return await client.get<T>(resource, options);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function createOnce(
  client: KubeClient,
  resource: Resource,
  options: CallOptions & { namespace?: string; body: object },
): Promise<void> {
  try {
    await client.create(resource, options);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
