import { Controller, Get, Header, Inject } from '@nestjs/common';
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
