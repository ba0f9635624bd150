import { Controller, Get, Header, Inject, NotFoundException } from '@nestjs/common';
import type { Logger } from '../runtime/logger.ts';
import { PrometheusMetrics } from './metrics.ts';
import { LOGGER } from './tokens.ts';

/** The exposition for Prometheus. */
@Controller()
export class MetricsHttp {
  readonly #metrics: PrometheusMetrics;
  readonly #logger: Logger;

  constructor(@Inject(PrometheusMetrics) metrics: PrometheusMetrics, @Inject(LOGGER) logger: Logger) {
    this.#metrics = metrics;
    this.#logger = logger;
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.#metrics.expose((error) => this.#logger.error('metrics collector failed', { error }));
  }
}

/** In its place where metrics are served over HTTPS. */
@Controller()
export class MetricsElsewhereHttp {
  @Get('metrics')
  metrics(): never {
    throw new NotFoundException(
      'Metrics are served over HTTPS only, on the port of --metrics-port, to those whose bearer token may get /metrics.',
    );
  }
}
