/** Budgets of a ComputeQueue over calendar periods, and what is known of their use. */
import { z } from 'zod';
import { int, time } from './common.ts';
import type { ValidationRule } from './kind.ts';

export const BUDGET_MEASURES = ['gpuHours', 'kWh', 'costMicros', 'carbonGrams'] as const;
export type BudgetMeasure = (typeof BUDGET_MEASURES)[number];

const period = z.enum(['Day', 'Week', 'Month', 'Quarter', 'Year']);
const currency = z
  .string()
  .length(3)
  .regex(/^[A-Z]{3}$/);

const rules: ValidationRule[] = [
  {
    rule: '[has(self.gpuHours), has(self.kWh), has(self.costMicros), has(self.carbonGrams)].filter(e, e).size() == 1',
    message: 'set exactly one of gpuHours, kWh, costMicros and carbonGrams.',
  },
  {
    rule: 'has(self.currency) == has(self.costMicros)',
    message: 'currency goes with costMicros: set both or neither.',
  },
];

const queueBudget = z
  .object({
    period: period.meta({
      description: 'Calendar period that the budget is for; its use begins at 0 with each. Weeks begin on Monday.',
    }),
    timezone: z.string().min(1).max(64).default('Asia/Shanghai').meta({
      description: 'IANA time zone of the calendar. Default Asia/Shanghai.',
    }),
    gpuHours: int(
      'Accelerator-hours that may be held in the period. Default: they are not bounded.',
      1,
      2_000_000_000,
    ).optional(),
    kWh: int('Facility energy of the period, in kWh. Default: it is not bounded.', 1, 2_000_000_000).optional(),
    costMicros: int(
      'Money for accelerators and electricity of the period, in millionths of the currency. Default: it is not bounded.',
      1,
    ).optional(),
    carbonGrams: int('CO2 of the period by location, in grams. Default: it is not bounded.', 1).optional(),
    currency: currency.optional().meta({
      description:
        'ISO 4217 code of costMicros. Only use that is priced in it counts: sums of several currencies are not added. Default: none.',
    }),
    action: z.enum(['Warn', 'Hold']).default('Warn').meta({
      description:
        'When it is used up. Warn: a condition and an event say so. Hold: also nothing new is admitted in the subtree until the next period, and before that nothing that would go beyond it together with what those that hold nodes are expected to use yet; what runs goes on. Default Warn.',
    }),
    warnPermille: int(
      'A condition and an event warn when so much of it is used, in thousandths. Default 800.',
      1,
      1000,
    ).default(800),
  })
  .meta({
    description: 'What the queue, with those below it, may use in a calendar period.',
    'x-kubernetes-validations': rules,
  });

const UNIQUE: ValidationRule = {
  rule: "self.all(a, self.exists_one(b, a.period == b.period && has(a.gpuHours) == has(b.gpuHours) && has(a.kWh) == has(b.kWh) && has(a.carbonGrams) == has(b.carbonGrams) && (has(a.currency) ? a.currency : '') == (has(b.currency) ? b.currency : '')))",
  message: 'one budget for each period and measure (and currency).',
};

export const queueBudgets = z
  .array(queueBudget)
  .max(8)
  .default([])
  .meta({
    description:
      'What the queue, with those below it, may use in calendar periods. A budget that is added within a period counts from then. Default [].',
    'x-kubernetes-list-type': 'atomic',
    'x-kubernetes-validations': [UNIQUE],
  });

const queueBudgetStatus = z.object({
  period: period.meta({ description: 'Period of the budget.' }),
  measure: z.enum(BUDGET_MEASURES).meta({ description: 'What it bounds.' }),
  currency: currency.optional().meta({ description: 'ISO 4217 code, of costMicros.' }),
  state: z.enum(['Within', 'NearlyUsed', 'Exhausted']).meta({
    description: 'NearlyUsed from warnPermille on, Exhausted when used reaches the limit.',
  }),
  periodStart: time('When the present period began.'),
  periodEnd: time('When the next one begins and use starts at 0.'),
  countedFrom: time('Use since then is counted: the start of the period, or when the budget was set.'),
  until: time('Use up to then is in `used`; live values are metrics.'),
  used: int('Used in accelerator-seconds, joules, millionths of the currency, or grams.'),
  limit: int('The budget, in the same unit.'),
  exhaustion: time('When it will be used up if what runs now goes on, at the tariffs of the coming day.').optional(),
});

export const queueBudgetStatuses = z
  .array(queueBudgetStatus)
  .max(8)
  .optional()
  .meta({ description: 'Use of the budgets, in closed intervals.', 'x-kubernetes-list-type': 'atomic' });

export type QueueBudget = z.output<typeof queueBudget>;
export type QueueBudgetStatus = z.output<typeof queueBudgetStatus>;
