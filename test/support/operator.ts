import type { LocalEnvironment } from '../../deploy/local/environment.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { parseKubeconfig } from '../../src/kube/kubeconfig.ts';
import { PrometheusMetrics } from '../../src/observability/metrics.ts';
import { buildOperator, type Operator } from '../../src/operator.ts';
import { type LogLine, MemoryLogger, type noopLogger } from '../../src/runtime/logger.ts';

/** An operator in this process against a local environment; `kill` leaves like a crash, `stop` like SIGTERM. */
export interface RunningOperator {
  readonly operator: Operator;
  readonly metrics: PrometheusMetrics;
  readonly logs: readonly LogLine[];
  stop(): Promise<void>;
}

let serial = 0;

export async function startOperator(
  environment: LocalEnvironment,
  settings: Partial<Record<keyof Config, string>> = {},
): Promise<RunningOperator> {
  serial += 1;
  const env: Record<string, string> = {
    AIDC_CREATE_NAMESPACES: 'true',
    // The next operator takes over at once, since one that is stopped lets go. Long enough for a machine that is busy
    // with other tests: requests are cut to what is left of the lease.
    AIDC_LEASE_SECONDS: '15',
    AIDC_RENEW_SECONDS: '10',
    AIDC_RETRY_SECONDS: '0.3',
    AIDC_IDENTITY: `test-${process.pid}-${serial}`,
  };
  for (const [name, value] of Object.entries(settings)) {
    env[`AIDC_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`] = value;
  }
  const logger = new MemoryLogger();
  const metrics = new PrometheusMetrics({ processMetrics: false });
  const abort = new AbortController();
  const operator = await buildOperator({
    config: loadConfig([], env),
    credentials: parseKubeconfig(environment.hub.kubeconfig, { allowLocalAccess: true }),
    logger: process.env.AIDC_TEST_LOGS === undefined ? logger : consoleLogger(logger),
    metrics,
    fatal: (error) => abort.abort(error),
  });
  const ended = operator.run(abort.signal);
  return {
    operator,
    metrics,
    logs: logger.lines,
    stop: async () => {
      abort.abort(new Error('test stops the operator'));
      await ended;
    },
  };
}

function consoleLogger(memory: MemoryLogger): typeof noopLogger {
  const say = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: object) => {
    memory[level](message, fields);
    if (level !== 'debug') console.error(level, message, JSON.stringify(fields));
  };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: () => consoleLogger(memory),
  };
}

export * from './hub.ts';
