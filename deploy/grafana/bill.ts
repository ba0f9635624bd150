import { bars, type Dashboard, stat, table, timeseries } from './builder.ts';
import {
  addedInRange,
  CARBON,
  INFO_IN_RANGE,
  INFO_NOW,
  JOULES,
  JOULES_PER_KWH,
  joined,
  once,
  PARTS,
  total,
} from './promql.ts';

const SOURCE =
  'Measured where the agents of the nodes report; else an estimate: configured power of the boards and of the server, times the time held. Both times PUE, tariff and CO2 of the region as configured.';
const RANGE = 'Of the time shown above, with what is still running; extrapolated to its edges.';
const WORKLOAD = ['workload_namespace', 'workload', 'kind'] as const;

/** Sums of the range by labels of the workloads' info and of the family; series that differ in `parts` are added. */
function sums(
  family: string,
  info: readonly string[],
  own: readonly string[] = [],
  divisor = '1',
  parts: readonly string[] = [],
): string {
  const by = [...new Set([...info, ...own])];
  const value = joined(addedInRange(family, ...own, ...parts), info, INFO_IN_RANGE);
  return `sum by (${by.join(', ')}) (${value}) / ${divisor}`;
}

const kWh = (...info: readonly string[]): string => sums(JOULES, info, [], JOULES_PER_KWH, PARTS);
const money = (...info: readonly string[]): string => sums('aidc_workload_energy_cost_total', info, ['currency']);
const carbon = (...info: readonly string[]): string => sums(CARBON, info, [], '1000');
const gpuHours = (...info: readonly string[]): string => sums('aidc_workload_gpu_seconds_total', info, [], '3600');

const billTable = (title: string, description: string, headings: Readonly<Record<string, string>>) => {
  const labels = Object.keys(headings);
  return table({
    title,
    description: `${description} ${RANGE} ${SOURCE}`,
    queries: [
      { expr: gpuHours(...labels) },
      { expr: kWh(...labels) },
      { expr: money(...labels) },
      { expr: carbon(...labels) },
    ],
    columns: {
      ...headings,
      currency: 'Currency',
      'Value #A': 'GPU-hours',
      'Value #B': 'kWh',
      'Value #C': 'Money',
      'Value #D': 'kg CO2',
    },
  });
};

/** A rate of a counter of workloads by tenant. */
const rateByTenant = (family: string, own: readonly string[] = [], parts: readonly string[] = []): string => {
  const perWorkload = once(`rate(${family}[$__rate_interval])`, ...WORKLOAD, ...own, ...parts);
  return `sum by (${['tenant', ...own].join(', ')}) (${joined(perWorkload, ['tenant'], INFO_NOW)})`;
};

/** Who used how much: GPU-hours, kWh, money, CO2. */
export const bill: Dashboard = {
  uid: 'aidc-bill',
  title: 'AIDC / Tenant bill',
  description: `GPU-hours, kWh, money and CO2 by tenant, queue and workload. ${SOURCE}`,
  variables: [
    { name: 'tenant', label: 'Tenant', family: 'aidc_workload_info', of: 'tenant' },
    { name: 'queue', label: 'Queue', family: 'aidc_workload_info', of: 'queue' },
  ],
  rows: [
    [
      'Sums',
      [
        stat({
          title: 'GPU-hours',
          description: `Accelerators held times the time they were held. ${RANGE}`,
          width: 6,
          queries: [{ expr: `sum(${gpuHours('tenant')})` }],
        }),
        stat({
          title: 'Energy',
          description: `${RANGE} ${SOURCE}`,
          unit: 'kwatth',
          width: 6,
          queries: [{ expr: `sum(${kWh('tenant')})` }],
        }),
        stat({
          title: 'Money',
          description: `Accelerator-hours and electricity. ${RANGE} ${SOURCE}`,
          width: 6,
          queries: [{ expr: `sum by (currency) (${money('tenant')})`, legend: '{{currency}}' }],
        }),
        stat({
          title: 'CO2',
          description: `Kilograms, by the grid of the location. ${RANGE} ${SOURCE}`,
          unit: 'masskg',
          width: 6,
          queries: [{ expr: `sum(${carbon('tenant')})` }],
        }),
      ],
    ],
    [
      'Tenants',
      [
        billTable('Bill by tenant', 'One row a tenant.', { tenant: 'Tenant' }),
        timeseries({
          title: 'Power by tenant',
          description: `Power at the facility. ${SOURCE}`,
          unit: 'watt',
          stacked: true,
          queries: [{ expr: rateByTenant(JOULES, [], PARTS), legend: '{{tenant}}' }],
        }),
        timeseries({
          title: 'Money an hour by tenant',
          description: `What is spent at present, by the hour. ${SOURCE}`,
          stacked: true,
          queries: [
            {
              expr: `${rateByTenant('aidc_workload_energy_cost_total', ['currency'])} * 3600`,
              legend: '{{tenant}} {{currency}}',
            },
          ],
        }),
        timeseries({
          title: 'Accelerators held by tenant',
          description: 'Accelerators of admitted workloads.',
          stacked: true,
          queries: [
            {
              expr: `sum by (tenant) (${joined(once('aidc_workload_gpus_bound', ...WORKLOAD), ['tenant'], INFO_NOW)})`,
              legend: '{{tenant}}',
            },
          ],
        }),
        timeseries({
          title: 'Energy by tenant and source',
          description: 'kWh at the facility, also of workloads that are deleted; integrated is measured.',
          unit: 'kwatth',
          stacked: true,
          queries: [
            {
              expr: `${total('aidc_tenant_energy_joules_total{scope="facility", tenant=~"$tenant"}', ['tenant', 'source'], ['region'])} / ${JOULES_PER_KWH}`,
              legend: '{{tenant}} {{source}}',
            },
          ],
        }),
        bars({
          title: 'CO2 by tenant',
          description: `Kilograms. ${RANGE} ${SOURCE}`,
          unit: 'masskg',
          queries: [{ expr: carbon('tenant'), legend: '{{tenant}}' }],
        }),
      ],
    ],
    ['Queues', [billTable('Bill by queue', 'One row a queue and tenant.', { queue: 'Queue', tenant: 'Tenant' })]],
    [
      'Workloads',
      [
        billTable('Bill by workload', 'One row a workload.', {
          tenant: 'Tenant',
          queue: 'Queue',
          workload_namespace: 'Namespace',
          workload: 'Workload',
          kind: 'Kind',
        }),
      ],
    ],
  ],
};
