import { Gauge, type Registry } from 'prom-client';
import { type BudgetState, countOf, exhaustion, MEASURES } from '../core/budgets.ts';
import type { Scheduler } from '../scheduling/index.ts';

const LABELS = ['queue', 'period', 'measure', 'currency'] as const;
const HOUR_MS = 3_600_000;
/** Numbers in metrics are in whole units: GPU-hours, kWh, the currency, grams. */
const MICROS = 1_000_000;

/** Series of the queues' budgets, counted up to the scrape. */
export class BudgetMetrics {
  readonly #scheduler: Pick<Scheduler, 'budgets'>;
  readonly #limit: Gauge;
  readonly #used: Gauge;
  readonly #rate: Gauge;
  readonly #exhausted: Gauge;
  readonly #exhaustion: Gauge;
  readonly #end: Gauge;

  constructor(registry: Registry, scheduler: Pick<Scheduler, 'budgets'>) {
    this.#scheduler = scheduler;
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name, help, labelNames: [...LABELS], registers: [registry] });
    const unit = 'in GPU-hours, kWh, the currency, or grams of CO2';
    this.#limit = gauge('aidc_queue_budget_limit', `Budget of the present period, ${unit}.`);
    this.#used = gauge('aidc_queue_budget_used', `Used of it so far, ${unit}.`);
    this.#rate = gauge('aidc_queue_budget_used_per_hour', `What runs now uses in the coming hour, ${unit}.`);
    this.#exhausted = gauge('aidc_queue_budget_exhausted', '1 while a budget is used up.');
    this.#exhaustion = gauge(
      'aidc_queue_budget_exhaustion_timestamp_seconds',
      'When a budget will be used up if what runs now goes on; absent: not in this period.',
    );
    this.#end = gauge('aidc_queue_budget_period_end_timestamp_seconds', 'When use starts at 0 again.');
  }

  collect(): void {
    const all = [this.#limit, this.#used, this.#rate, this.#exhausted, this.#exhaustion, this.#end];
    for (const family of all) family.reset();
    for (const [queue, { states, nowMs, useBetween }] of this.#scheduler.budgets.look()) {
      for (const state of states) {
        const { budget, measure } = state;
        const labels = { queue, period: budget.period, measure, currency: budget.currency ?? '' };
        const perHour = countOf(budget, useBetween(nowMs, nowMs + HOUR_MS));
        const at = exhaustion(state, nowMs, useBetween);
        this.#limit.set(labels, inUnits(state, state.limit));
        this.#used.set(labels, inUnits(state, state.used));
        this.#rate.set(labels, inUnits(state, perHour));
        this.#exhausted.set(labels, state.state === 'Exhausted' ? 1 : 0);
        this.#end.set(labels, state.period.endMs / 1000);
        if (at !== undefined) this.#exhaustion.set(labels, at / 1000);
      }
    }
  }
}

const inUnits = ({ measure }: BudgetState, value: number): number =>
  value / (measure === 'costMicros' ? MICROS : MEASURES[measure].unit);
