import { readFileSync } from 'node:fs';
import {
  Agent,
  type AgentOptions,
  bootId,
  CapsFile,
  loadState,
  PodResources,
  type PowerCapOptions,
  portOf,
  StateFileError,
  serve,
} from './agent/index.ts';
import { type AgentConfig, ConfigError, describeAgentSettings, loadAgentConfig } from './config/index.ts';
import { boundsOfFrontiers, type CapRule, DEFAULT_CAP_RULE, learnedRule } from './core/power/cap-rule.ts';
import { readFrontiers } from './core/power/frontier.ts';
import { KubeClient } from './kube/client.ts';
import type { ClusterCredentials } from './kube/credentials.ts';
import { EventRecorder } from './kube/events.ts';
import { defaultCredentials, inClusterCredentials, KubeconfigError } from './kube/kubeconfig.ts';
// Not through the index: that loads the operator's framework, which takes more memory than the agent.
import { createLogger } from './observability/logging.ts';
import { PrometheusMetrics } from './observability/metrics.ts';
import { type Clock, systemClock } from './runtime/clock.ts';
import { errorMessage } from './runtime/errors.ts';
import type { Logger } from './runtime/logger.ts';

const USAGE = `usage: aidc-operator agent [FLAG ...]

Measures the GPUs of a node: power, energy by pod, health. Every flag can be given as an environment variable.

${describeAgentSettings()}

Exit codes: 0 stopped by a signal, 1 a part failed, 2 wrong usage.
`;

/** The machine's monotonic clock, not the process's: a restart of the agent goes on from the last sample. */
const machineClock: Clock = { ...systemClock, monotonic: () => Number(process.hrtime.bigint()) / 1e6 };

/** The role `agent`. @returns the exit code */
export async function run(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (flags.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    return await runAgent(loadAgentConfig(flags, env), env);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof KubeconfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

async function runAgent(config: AgentConfig, env: NodeJS.ProcessEnv): Promise<number> {
  const logger = createLogger(config.logLevel).child({ node: config.node });
  const credentials = credentialsOf(config, env);
  if (credentials === undefined)
    logger.warn('no access to the cluster: uids of pods are unknown, nothing is published');
  const client = credentials && new KubeClient({ cluster: 'local', credentials, maxConnections: 2, maxRetries: 1 });
  const podResources = new PodResources(config.podResourcesSocket);
  const { registry } = new PrometheusMetrics({ processMetrics: true });
  const { node, nvidiaSmi, intervalSeconds, deadlineSeconds, publishSeconds, stateFile } = config;
  const settings = { node, nvidiaSmi, intervalSeconds, deadlineSeconds, publishSeconds, stateFile };
  const recorder = { component: 'aidc.dev/agent', instance: config.node, clock: machineClock, logger };
  const events = client && new EventRecorder({ client, ...recorder });
  const parts = { podResources, client, events, registry, logger, clock: machineClock };
  const state = await stateOf(config, logger);
  const powerCaps = await powerCapsOf(config, logger);
  const agent = new Agent({ ...settings, ...parts, powerCaps, state, bootId: await bootId(), version: version() });
  const server = await serve(
    { metrics: () => agent.metrics(), live: () => undefined, ready: () => agent.trouble },
    config.httpHost,
    config.httpPort,
  );
  logger.info('listening', { port: portOf(server) });
  await agent.run(stopSignal(logger));
  server.close();
  server.closeAllConnections();
  podResources.close();
  await client?.close();
  return 0;
}

/** In a pod its service account, elsewhere only what is named: a person's own kubeconfig is not the agent's. */
function credentialsOf(config: AgentConfig, env: NodeJS.ProcessEnv): ClusterCredentials | undefined {
  if (config.kubeconfig !== undefined) return defaultCredentials(config.kubeconfig, { allowLocalAccess: true });
  return env.KUBERNETES_SERVICE_HOST === undefined ? undefined : inClusterCredentials();
}

async function stateOf({ stateFile }: AgentConfig, logger: Logger): Promise<AgentOptions['state']> {
  if (stateFile === undefined) {
    logger.warn('no state file: a restart begins all counters anew');
    return undefined;
  }
  try {
    return await loadState(stateFile);
  } catch (error) {
    if (!(error instanceof StateFileError)) throw error;
    logger.error('all counters begin anew', { error });
    return undefined;
  }
}

async function powerCapsOf(config: AgentConfig, logger: Logger): Promise<PowerCapOptions | undefined> {
  const { stateFile, powerCaps: isOn, powerCapMeasureSeconds: measureSeconds } = config;
  if (stateFile === undefined) return undefined;
  const file = new CapsFile(stateFile);
  const records = await file.load().catch((error: unknown) => {
    if (!(error instanceof StateFileError)) throw error;
    logger.error('which boards an earlier run capped is not known', { error });
    return [];
  });
  return isOn || records.length > 0 ? { isOn, rule: capRule(config), measureSeconds, file, records } : undefined;
}

/** Learned from measured frontiers where they are given. */
function capRule({ powerCapFrontier }: AgentConfig): CapRule {
  if (powerCapFrontier === undefined) return DEFAULT_CAP_RULE;
  try {
    const frontiers = readFrontiers(readFileSync(powerCapFrontier, 'utf8'));
    return learnedRule(frontiers, boundsOfFrontiers(frontiers));
  } catch (error) {
    throw new ConfigError(
      `--power-cap-frontier (AIDC_POWER_CAP_FRONTIER): ${powerCapFrontier}: ${errorMessage(error)}`,
    );
  }
}

function stopSignal(logger: Logger): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info('stopping', { signal });
      stop.abort(new Error(signal));
    });
  }
  return stop.signal;
}

function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
