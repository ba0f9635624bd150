import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthHttp } from './observability/health.http.ts';
import { LOGGER, PROBES, PrometheusMetrics } from './observability/index.ts';
import { MetricsElsewhereHttp, MetricsHttp } from './observability/metrics.http.ts';
import type { Operator } from './operator.ts';
import type { Logger } from './runtime/logger.ts';

/** The process's plain HTTP face: /livez, /readyz, and /metrics unless that is `secure`, on a port of its own. */
@Module({})
export class AppModule {
  static for(parts: {
    operator: Operator;
    logger: Logger;
    metrics: PrometheusMetrics;
    secure: boolean;
  }): DynamicModule {
    return {
      module: AppModule,
      imports: [TerminusModule.forRoot({ errorLogStyle: 'json', logger: false })],
      controllers: [parts.secure ? MetricsElsewhereHttp : MetricsHttp, HealthHttp],
      providers: [
        { provide: LOGGER, useFactory: () => parts.logger },
        { provide: PrometheusMetrics, useFactory: () => parts.metrics },
        { provide: PROBES, useFactory: () => parts.operator.probes },
      ],
    };
  }
}
