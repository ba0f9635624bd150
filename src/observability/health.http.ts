import { Controller, Get, Inject } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { PROBES } from './tokens.ts';

/** What the probes ask; each answer is undefined when well, else a sentence. */
export interface Probes {
  /** Parts that must be alive: a dead one is cured by a restart only. */
  readonly live: Readonly<Record<string, () => string | undefined>>;
  /** Parts that must have caught up before this replica counts; not leadership, or a rollout would hang. */
  readonly ready: Readonly<Record<string, () => string | undefined>>;
}

@Controller()
export class HealthHttp {
  readonly #health: HealthCheckService;
  readonly #indicators: HealthIndicatorService;
  readonly #probes: Probes;

  constructor(
    @Inject(HealthCheckService) health: HealthCheckService,
    @Inject(HealthIndicatorService) indicators: HealthIndicatorService,
    @Inject(PROBES) probes: Probes,
  ) {
    this.#health = health;
    this.#indicators = indicators;
    this.#probes = probes;
  }

  @Get('livez')
  @HealthCheck()
  livez(): Promise<HealthCheckResult> {
    return this.#check(this.#probes.live);
  }

  @Get('readyz')
  @HealthCheck()
  readyz(): Promise<HealthCheckResult> {
    return this.#check(this.#probes.ready);
  }

  #check(parts: Probes['live']): Promise<HealthCheckResult> {
    return this.#health.check(
      Object.entries(parts).map(([name, ask]) => () => {
        const trouble = ask();
        const session = this.#indicators.check(name);
        return trouble === undefined ? session.up() : session.down({ message: trouble });
      }),
    );
  }
}
