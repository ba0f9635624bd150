import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.ts';
import { type Config, ConfigError, describeSettings, loadConfig } from './config/index.ts';
import { UnsuitableHub } from './hub/index.ts';
import { isUnreachable } from './kube/errors.ts';
import { defaultCredentials, KubeconfigError } from './kube/kubeconfig.ts';
import {
  CertificateError,
  createLogger,
  frameworkLogger,
  MountedCertificate,
  OwnCertificate,
  PrometheusMetrics,
  SecureMetrics,
} from './observability/index.ts';
import { buildOperator, type Operator } from './operator.ts';
import { systemClock } from './runtime/clock.ts';
import type { Logger } from './runtime/logger.ts';

const USAGE = `usage: aidc-operator operator [FLAG ...]

Runs the operator on the hub. Every flag can be given as an environment variable.

${describeSettings()}

Exit codes: 0 stopped by a signal, 1 a part failed or leadership was lost, 2 wrong usage, 3 the hub does not answer,
4 the hub's CRDs are missing, or its Kubernetes is too old.
`;

/** How long the hub may stay silent at start before the process gives up (and is started again by whoever runs it). */
const START_TRIES = 10;
const START_RETRY_MS = 3_000;

/** The role `operator`. @returns the exit code */
export async function run(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (flags.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    return await runOperator(loadConfig(flags, env));
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof KubeconfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

async function runOperator(config: Config): Promise<number> {
  const logger = createLogger(config.logLevel);
  const metrics = new PrometheusMetrics({ processMetrics: true });
  const stop = new AbortController();
  let code = 0;
  const fatal = (error: Error): void => {
    logger.error('stopping', { error });
    code = 1;
    stop.abort(error);
    // What hangs must not keep a process without leadership alive.
    setTimeout(() => process.exit(1), 5_000).unref();
  };
  // From the start: as the first process of a container it would not end by itself.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info('stopping', { signal });
      stop.abort(new Error(signal));
    });
  }
  const credentials = defaultCredentials(config.kubeconfig);
  const operator = await startWithRetry(
    () => buildOperator({ config, credentials, logger, metrics, fatal }),
    logger,
    stop.signal,
  );
  if (stop.signal.aborted) return code;
  if (operator === undefined) return 3;
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.for({ operator, logger, metrics, secure: config.metricsSecure }),
    new FastifyAdapter(),
    { logger: frameworkLogger(logger), abortOnError: false },
  );
  // Probes must answer while caches fill, so the server comes first.
  await app.listen(config.httpPort, config.httpHost);
  logger.info('listening', { url: await app.getUrl() });
  const secureMetrics = config.metricsSecure ? await serveSecurely(config, operator, metrics, logger) : undefined;
  try {
    await operator.run(stop.signal);
  } catch (error) {
    if (!(error instanceof UnsuitableHub)) throw error;
    logger.error('stopping', { error });
    code = 4;
  }
  await Promise.all([app.close(), secureMetrics?.close()]);
  return code;
}

/** /metrics over HTTPS. Throws a ConfigError where the certificate that was given cannot be used. */
async function serveSecurely(
  config: Config,
  { scrapeAccess: access }: Operator,
  metrics: PrometheusMetrics,
  logger: Logger,
): Promise<SecureMetrics> {
  const { httpHost, metricsPort, metricsCertDir } = config;
  const clock = systemClock;
  const certificates =
    metricsCertDir === undefined ? new OwnCertificate(clock) : new MountedCertificate(metricsCertDir);
  const expose = () => metrics.expose((error) => logger.error('metrics collector failed', { error }));
  const server = new SecureMetrics({ access, certificates, expose, clock, logger });
  try {
    await server.listen(metricsPort, httpHost);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new ConfigError(`--metrics-cert-dir (AIDC_METRICS_CERT_DIR): ${error.message}`);
  }
  logger.info('listening', { url: `https://${httpHost}:${server.port}/metrics` });
  return server;
}

async function startWithRetry<T>(start: () => Promise<T>, logger: Logger, signal: AbortSignal): Promise<T | undefined> {
  for (let tries = 1; !signal.aborted; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      logger.error('the hub does not answer', { error, tries, of: START_TRIES });
      if (tries >= START_TRIES) return undefined;
      await sleep(START_RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}
