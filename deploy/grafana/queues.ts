import { bars, type Dashboard, stat, table, timeseries } from './builder.ts';
import { once, total } from './promql.ts';

const CHOSEN = 'queue=~"$queue"';
const ROW = ['queue', 'gpu_model', 'region'] as const;
const quota = (kind: string): string => once(`aidc_quota_gpus{${CHOSEN}, kind="${kind}"}`, ...ROW);
const budget = (part: string): string =>
  once(`aidc_queue_budget_${part}{${CHOSEN}}`, 'queue', 'period', 'measure', 'currency');
const BUCKETS = 'rate(aidc_scheduling_cycle_duration_seconds_bucket[$__rate_interval])';

const LIFE = [
  ['Wait for admission', 'aidc_queue_wait_seconds', 'From creation to the first admission.'],
  ['Wait for readiness', 'aidc_workload_ready_wait_seconds', 'From an admission to ready pods.'],
  ['Running time', 'aidc_workload_execution_seconds', 'Of attempts of trainings that are over.'],
] as const;

/** What waits and why, who has which quota, and how the scheduler and its queues of work do. */
export const queues: Dashboard = {
  uid: 'aidc-queues',
  title: 'AIDC / Queues and scheduler',
  description: 'What waits and why, quota, and the scheduler at work.',
  variables: [{ name: 'queue', label: 'Queue', family: 'aidc_queue_ready', of: 'queue' }],
  rows: [
    [
      'What waits',
      [
        stat({
          title: 'Workloads that wait',
          description: 'Servings and trainings that are not admitted.',
          queries: [
            { expr: `${total(`aidc_queue_pending_workloads{${CHOSEN}}`, [], ['queue', 'status'])} or vector(0)` },
          ],
        }),
        stat({
          title: 'Accelerators waited for',
          description: 'By the first type that each workload accepts.',
          queries: [
            { expr: `${total(`aidc_queue_pending_gpus{${CHOSEN}}`, [], ['queue', 'gpu_model'])} or vector(0)` },
          ],
        }),
        stat({
          title: 'Longest wait',
          description: 'Since the one that waits longest was created.',
          unit: 's',
          queries: [
            {
              expr: `time() - min(${once(`aidc_queue_oldest_pending_timestamp_seconds{${CHOSEN}}`, 'queue')})`,
            },
          ],
        }),
        stat({
          title: 'Queues that cannot be used',
          description:
            'A parent that does not exist, a circle, or the like: the status of the ComputeQueue says which.',
          queries: [{ expr: `sum(1 - ${once(`aidc_queue_ready{${CHOSEN}}`, 'queue')})` }],
          thresholds: [
            [null, 'green'],
            [1, 'red'],
          ],
        }),
        bars({
          title: 'Waiting by reason',
          description:
            'Why workloads are not placed, over all queues. docs/alerts.md names those that waiting does not help.',
          width: 8,
          height: 8,
          queries: [{ expr: once('aidc_unschedulable_workloads', 'reason'), legend: '{{reason}}' }],
        }),
        timeseries({
          title: 'Waiting by queue',
          description: 'active: not yet looked at; inadmissible: looked at and not placed.',
          width: 8,
          stacked: true,
          queries: [
            {
              expr: once(`aidc_queue_pending_workloads{${CHOSEN}}`, 'queue', 'status'),
              legend: '{{queue}} {{status}}',
            },
          ],
        }),
        timeseries({
          title: 'Longest wait by queue',
          description: 'Since the longest waiting workload of a queue was created.',
          unit: 's',
          width: 8,
          queries: [
            {
              expr: `time() - ${once(`aidc_queue_oldest_pending_timestamp_seconds{${CHOSEN}}`, 'queue')}`,
              legend: '{{queue}}',
            },
          ],
        }),
      ],
    ],
    [
      'How long it takes',
      [
        ...LIFE.map(([title, family, description]) =>
          timeseries({
            title,
            description: `${description} Half of them, and 9 of 10, within an hour before; by queue.`,
            unit: 's',
            width: 8,
            queries: [0.5, 0.9].map((quantile) => ({
              expr: `histogram_quantile(${quantile}, sum by (queue, le) (increase(${family}_bucket{${CHOSEN}}[1h]))) >= 0`,
              legend: `{{queue}} ${quantile * 100} %`,
            })),
          }),
        ),
      ],
    ],
    [
      'Quota',
      [
        table({
          title: 'Quota',
          description: 'Accelerators by row of quota; a star stands for every type or region.',
          queries: [{ expr: quota('nominal') }, { expr: quota('used') }, { expr: quota('borrowed') }],
          columns: {
            queue: 'Queue',
            gpu_model: 'Type',
            region: 'Region',
            'Value #A': 'Nominal',
            'Value #B': 'Used',
            'Value #C': 'Borrowed',
          },
        }),
        timeseries({
          title: 'Used share of quota',
          description: 'Above 1 it is borrowed.',
          unit: 'percentunit',
          queries: [
            { expr: `${quota('used')} / (${quota('nominal')} > 0)`, legend: '{{queue}} {{gpu_model}} {{region}}' },
          ],
        }),
        timeseries({
          title: 'Borrowed',
          description: 'Accelerators above the nominal quota, which others do not use at present.',
          queries: [{ expr: quota('borrowed'), legend: '{{queue}} {{gpu_model}} {{region}}' }],
        }),
      ],
    ],
    [
      'Budgets',
      [
        table({
          title: 'Budgets',
          description:
            'Of the present period: GPU-hours, kWh, money or grams of CO2, of the queue with those below it. The hour is the coming one, with what runs now.',
          queries: ['limit', 'used', 'used_per_hour'].map((part) => ({ expr: budget(part) })),
          columns: {
            queue: 'Queue',
            period: 'Period',
            measure: 'Measure',
            currency: 'Currency',
            'Value #A': 'Budget',
            'Value #B': 'Used',
            'Value #C': 'An hour',
          },
        }),
        timeseries({
          title: 'Used share of budgets',
          description: 'At 1 a budget is used up; each period begins at 0.',
          unit: 'percentunit',
          width: 24,
          queries: [
            { expr: `${budget('used')} / ${budget('limit')}`, legend: '{{queue}} {{period}} {{measure}} {{currency}}' },
          ],
        }),
      ],
    ],
    [
      'Scheduler',
      [
        timeseries({
          title: 'Duration of a cycle',
          description: 'Half of the cycles, and 99 of 100, took no longer.',
          unit: 's',
          queries: [0.5, 0.99].map((quantile) => ({
            expr: `histogram_quantile(${quantile}, sum by (le) (${BUCKETS}))`,
            legend: `${quantile * 100} %`,
          })),
        }),
        timeseries({
          title: 'Cycles and decisions',
          description: 'A second, by result.',
          unit: 'ops',
          queries: [
            { expr: 'sum(rate(aidc_scheduling_cycle_duration_seconds_count[$__rate_interval]))', legend: 'cycles' },
            { expr: 'sum by (result) (rate(aidc_scheduling_attempts_total[$__rate_interval]))', legend: '{{result}}' },
          ],
        }),
        timeseries({
          title: 'Pushed out',
          description:
            'Workloads chosen to make room for one of the queue, since the operator started, by reason: from itself, to get back its own, or to borrow.',
          width: 8,
          queries: [
            {
              expr: `sum by (queue, reason) (aidc_preemptions_total{${CHOSEN}}) or vector(0)`,
              legend: '{{queue}} {{reason}}',
            },
          ],
        }),
        timeseries({
          title: 'Runs that were ended',
          description:
            'Attempts of trainings and replicas of servings within the interval, by reason; those that succeeded are left out.',
          width: 8,
          stacked: true,
          queries: [
            { expr: 'sum by (reason) (increase(aidc_evictions_total[$__rate_interval])) > 0', legend: '{{reason}}' },
          ],
        }),
        timeseries({
          title: 'Status writes',
          width: 8,
          description: 'A second, by outcome: unchanged and superseded ones cost no request.',
          unit: 'ops',
          queries: [
            { expr: 'sum by (outcome) (rate(aidc_status_writes_total[$__rate_interval]))', legend: '{{outcome}}' },
          ],
        }),
      ],
    ],
    [
      'Queues of work',
      [
        timeseries({
          title: 'Depth',
          description: 'Keys that are due and not yet taken.',
          queries: [{ expr: once('workqueue_depth', 'name'), legend: '{{name}}' }],
        }),
        timeseries({
          title: 'Wait of a key (99 of 100)',
          description: 'How long a key waits before it is processed.',
          unit: 's',
          queries: [
            {
              expr: 'histogram_quantile(0.99, sum by (name, le) (rate(workqueue_queue_duration_seconds_bucket[$__rate_interval])))',
              legend: '{{name}}',
            },
          ],
        }),
        timeseries({
          title: 'Reconciliations that failed',
          description: 'A second, by controller; they are tried again.',
          unit: 'ops',
          queries: [
            {
              expr: 'sum by (controller) (rate(controller_runtime_reconcile_total{result="error"}[$__rate_interval]))',
              legend: '{{controller}}',
            },
          ],
        }),
        timeseries({
          title: 'Work that does not end',
          description: 'Seconds of the longest running reconciliation.',
          unit: 's',
          queries: [{ expr: once('workqueue_longest_running_processor_seconds', 'name'), legend: '{{name}}' }],
        }),
      ],
    ],
  ],
};
