import type { SchemaNode } from '../api/crd.ts';
import { rootSchema } from '../api/crd.ts';
import { crdName, KINDS, type KindDefinition, VERSION } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, type KubeObject } from '../kube/resource.ts';
import { isTooOld, OLDEST_MINOR } from '../kube/version.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { GaugeHandle, RuntimeMetrics } from '../runtime/metrics.ts';
import { compareSchemas } from './crd-comparison.ts';

/** The hub cannot be worked with as it is; the message says why and what to do. */
export class UnsuitableHub extends Error {}

export interface HubGateOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

interface InstalledCrd extends KubeObject {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema?: { readonly openAPIV3Schema?: SchemaNode };
    }[];
  };
}

/** One CRD, as found. `outdated`: fields of this release would be dropped. */
interface Finding {
  readonly crd: string;
  readonly state: 'current' | 'unlike' | 'outdated' | 'missing' | 'unknown';
  /** Empty when current. */
  readonly message: string;
}

const RETRY_MS = 3_000;
/** CRDs that are not there yet may be on their way, as in one `kubectl apply` of everything; so many looks at them. */
const TRIES = 5;
/** While it runs, the CRDs are looked at again so often. */
const AGAIN_MS = 5 * 60_000;
/** Fields named in one message; the rest is counted. */
const NAMED = 8;
const REMEDY =
  'Install the CRDs of this release: helm upgrade does it (crds.install), else kubectl apply --server-side -f crds.';

/**
 * Looks whether the hub has what the operator stands on: a Kubernetes that is new enough, and the CRDs of this release.
 * With CRDs of an older one the API server would drop fields, of status too, where the decisions are: such a hub is not
 * worked on until they are replaced.
 */
export class HubGate {
  readonly #options: HubGateOptions;
  readonly #outdated: ReadonlyMap<string, GaugeHandle>;
  #said = '';
  #trouble: string | undefined = 'the hub’s Kubernetes and CRDs are not looked at yet';

  constructor(options: HubGateOptions) {
    this.#options = options;
    const help = '1 while the hub’s CRD is missing or lacks fields of this release.';
    const family = options.metrics.gauge('aidc_crd_outdated', help, ['crd']);
    this.#outdated = new Map(KINDS.map((kind) => [crdName(kind), family.labels({ crd: crdName(kind) })]));
  }

  /** What a probe says while it is not passed. */
  trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Resolves when the hub will do, or the signal aborts; outdated CRDs are waited for. Throws UnsuitableHub where the
   * hub is too old, or a CRD stays missing.
   */
  async pass(signal: AbortSignal): Promise<void> {
    for (let tries = 1; !signal.aborted; tries += 1) {
      const trouble = await this.#look(signal);
      if (signal.aborted) return;
      this.#trouble = trouble?.message;
      if (trouble === undefined) return;
      if (trouble.isMissing && tries >= TRIES) throw new UnsuitableHub(trouble.message);
      await this.#options.clock.sleep(RETRY_MS, signal);
    }
  }

  /** Looks again now and then while the operator runs: CRDs can be replaced under it. It tells, and goes on. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(AGAIN_MS, signal);
      if (!signal.aborted) await this.#look(signal);
    }
  }

  async #look(signal: AbortSignal): Promise<{ message: string; isMissing: boolean } | undefined> {
    const { client, logger } = this.#options;
    try {
      const version = await client.serverVersion({ signal });
      if (isTooOld(version)) {
        throw new UnsuitableHub(
          `The hub runs Kubernetes ${version.gitVersion}; 1.${OLDEST_MINOR} or newer is needed. Upgrade the hub.`,
        );
      }
      const findings = await Promise.all(KINDS.map((kind) => this.#find(kind, signal)));
      this.#tell(findings);
      const missing = findings.filter(({ state }) => state === 'missing');
      const [worst = undefined] = [...missing, ...findings.filter(({ state }) => state === 'outdated')];
      if (worst === undefined) return undefined;
      const message = findings
        .filter(({ state }) => state === worst.state)
        .map((finding) => finding.message)
        .join(' ');
      return { message: `${message} ${REMEDY}`, isMissing: missing.length > 0 };
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof UnsuitableHub) throw error;
      logger.warn('the CRDs cannot be looked at', { error: errorMessage(error) });
      return { message: `the hub’s CRDs cannot be looked at: ${errorMessage(error)}`, isMissing: false };
    }
  }

  async #find(kind: KindDefinition, signal: AbortSignal): Promise<Finding> {
    const crd = crdName(kind);
    try {
      return judge(
        kind,
        await this.#options.client.get<InstalledCrd>(CUSTOM_RESOURCE_DEFINITIONS, { name: crd, signal }),
      );
    } catch (error) {
      if (isNotFound(error)) return { crd, state: 'missing', message: `The hub has no CRD ${crd}.` };
      // Rights of an older chart, or made by hand: not knowing is no reason to stop.
      if (!isForbidden(error)) throw error;
      const message = `The CRD ${crd} is not compared with this release: the right to get it is missing.`;
      return { crd, state: 'unknown', message };
    }
  }

  /** Metrics each time, the log only when something has changed. */
  #tell(findings: readonly Finding[]): void {
    for (const { crd, state } of findings)
      this.#outdated.get(crd)?.set(state === 'outdated' || state === 'missing' ? 1 : 0);
    const said = findings.map(({ state, message }) => `${state} ${message}`).join('\n');
    if (said === this.#said) return;
    this.#said = said;
    for (const { state, message } of findings) {
      if (state === 'outdated' || state === 'missing') this.#options.logger.error(`${message} ${REMEDY}`);
      else if (state !== 'current') this.#options.logger.warn(message);
    }
  }
}

/** Made once a process: it takes some milliseconds each. */
const ours = new Map<KindDefinition, SchemaNode>();
function schemaOf(kind: KindDefinition): SchemaNode {
  const known = ours.get(kind) ?? rootSchema(kind);
  ours.set(kind, known);
  return known;
}

function judge(kind: KindDefinition, installed: InstalledCrd): Finding {
  const crd = crdName(kind);
  const theirs = installed.spec.versions.find(({ name, served }) => name === VERSION && served)?.schema
    ?.openAPIV3Schema;
  if (theirs === undefined) return { crd, state: 'missing', message: `The CRD ${crd} does not serve ${VERSION}.` };
  const { missing, unknown, changed } = compareSchemas(schemaOf(kind), theirs);
  if (missing.length > 0) {
    const message = `The CRD ${crd} is of an older release: the API server would drop ${listed(missing)}.`;
    return { crd, state: 'outdated', message };
  }
  const parts = [
    ...(unknown.length === 0 ? [] : [`has fields this release does not know: ${listed(unknown)}`]),
    ...(changed.length === 0 ? [] : [`checks otherwise than this release at ${listed(changed)}`]),
  ];
  if (parts.length === 0) return { crd, state: 'current', message: '' };
  return { crd, state: 'unlike', message: `The CRD ${crd} ${parts.join(', and ')}. The operator goes on with it.` };
}

/** Paths as users write them: without the first dot. */
function listed(paths: readonly string[]): string {
  const names = paths.slice(0, NAMED).map((path) => (path === '.' ? 'the object itself' : path.slice(1)));
  const more = paths.length - names.length;
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more} more`;
}
