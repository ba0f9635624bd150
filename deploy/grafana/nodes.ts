import { bars, type Dashboard, stat, table, timeseries } from './builder.ts';
import { joined } from './promql.ts';

const CHOSEN = 'gpu_node=~"$node"';
const BOARD = ['gpu_node', 'gpu_uuid'] as const;
/** Each board has one agent, and so each series is there once. */
const board = (family: string, more = ''): string => `${family}{${CHOSEN}${more === '' ? '' : `, ${more}`}}`;
const sum = (expr: string, ...by: readonly string[]): string => `sum by (${by.join(', ')}) (${expr})`;
/** Boards that a workload holds, as far as they tell how busy they are, and the busy part of them. */
const WORKLOAD = ['workload_namespace', 'workload', 'kind'] as const;
const HELD = board('aidc_gpu_holder_share_ratio', 'workload!=""');
const MEASURED = `${HELD} and on (${BOARD.join(', ')}) aidc_gpu_utilization_ratio`;
const BUSY = `${HELD} * on (${BOARD.join(', ')}) group_left () max by (${BOARD.join(', ')}) (aidc_gpu_utilization_ratio)`;
const ofTenants = (held: string): string =>
  sum(joined(sum(held, ...WORKLOAD), ['tenant'], 'aidc_workload_info'), 'tenant');
const NAME = '{{gpu_node}} {{gpu_uuid}}';

/** Nodes and their boards, as the agents on them see them. */
export const nodes: Dashboard = {
  uid: 'aidc-nodes',
  title: 'AIDC / Nodes and GPUs',
  description: 'Health, power and use of every board, as the agent of its node sees it.',
  variables: [{ name: 'node', label: 'Node', family: 'aidc_node_gpus', of: 'gpu_node' }],
  rows: [
    [
      'Boards',
      [
        stat({
          title: 'Present',
          description: 'Boards that answer.',
          queries: [{ expr: `sum(${board('aidc_node_gpus', 'state="present"')})` }],
        }),
        stat({
          title: 'Lost',
          description: 'Boards that were there and are not any more: they fell off the bus, or do not answer.',
          queries: [{ expr: `sum(${board('aidc_node_gpus', 'state="lost"')})` }],
          thresholds: [
            [null, 'green'],
            [1, 'red'],
          ],
        }),
        stat({
          title: 'Degraded',
          description:
            'Boards that ask for a reset, have run out of spare memory rows, have bad NVLink, or fail to tell a reading.',
          queries: [{ expr: `sum(${board('aidc_gpu_health', 'state="degraded"')})` }],
          thresholds: [
            [null, 'green'],
            [1, 'orange'],
          ],
        }),
        stat({
          title: 'Held',
          description: 'Boards that a pod holds, whole or in part.',
          queries: [{ expr: `sum(${board('aidc_gpu_allocated')})` }],
        }),
        stat({
          title: 'Power',
          description: 'Of all boards now, without their nodes and the facility.',
          unit: 'watt',
          queries: [{ expr: `sum(${board('aidc_gpu_power_draw_watts')})` }],
        }),
        stat({
          title: 'Agents without samples',
          description: 'nvidia-smi tells them nothing: the state of their boards is not known.',
          queries: [{ expr: 'sum(1 - aidc_agent_sample_success)' }],
          thresholds: [
            [null, 'green'],
            [1, 'red'],
          ],
        }),
        table({
          title: 'Board by board',
          description:
            'Healthy and held: 1 is yes. Recovery: 0 nothing, 1 reset, 2 reboot, 3 drain P2P, 4 drain and reset.',
          queries: [
            { expr: sum(board('aidc_gpu_info'), ...BOARD, 'gpu_index', 'gpu_model', 'pci_bus_id') },
            { expr: sum(board('aidc_gpu_health', 'state="healthy"'), ...BOARD) },
            { expr: sum(board('aidc_gpu_allocated'), ...BOARD) },
            { expr: sum(board('aidc_gpu_power_draw_watts'), ...BOARD) },
            { expr: sum(board('aidc_gpu_temperature_celsius', 'sensor="core"'), ...BOARD) },
            { expr: sum(board('aidc_gpu_recovery_action'), ...BOARD) },
          ],
          columns: {
            gpu_node: 'Node',
            gpu_index: 'Index',
            gpu_model: 'Model',
            pci_bus_id: 'PCI address',
            gpu_uuid: 'UUID',
            'Value #A': 'Seen',
            'Value #B': 'Healthy',
            'Value #C': 'Held',
            'Value #D': 'Watts',
            'Value #E': 'Degrees Celsius',
            'Value #F': 'Recovery',
          },
        }),
      ],
    ],
    [
      'Use',
      [
        timeseries({
          title: 'Busy share of time',
          description: 'By board. Boards in MIG mode do not tell it.',
          unit: 'percentunit',
          queries: [{ expr: board('aidc_gpu_utilization_ratio'), legend: NAME }],
        }),
        timeseries({
          title: 'Busy share of time by workload',
          description:
            'Mean over the boards that a workload holds, each by the part it holds. Without boards in MIG mode.',
          unit: 'percentunit',
          queries: [
            {
              expr: `${sum(BUSY, ...WORKLOAD)} / ${sum(MEASURED, ...WORKLOAD)}`,
              legend: '{{workload_namespace}}/{{workload}}',
            },
          ],
        }),
        timeseries({
          title: 'Busy share of time by tenant',
          description: 'The same over the workloads of a tenant, where the operator is scraped, too.',
          unit: 'percentunit',
          queries: [{ expr: `${ofTenants(BUSY)} / ${ofTenants(MEASURED)}`, legend: '{{tenant}}' }],
        }),
        timeseries({
          title: 'Memory in use',
          description: 'Share of the memory of each board.',
          unit: 'percentunit',
          queries: [
            { expr: `${board('aidc_gpu_memory_used_bytes')} / ${board('aidc_gpu_memory_total_bytes')}`, legend: NAME },
          ],
        }),
        bars({
          title: 'Held boards by node',
          description: 'Boards that a pod holds, whole or in part, now.',
          queries: [{ expr: sum(board('aidc_gpu_allocated'), 'gpu_node'), legend: '{{gpu_node}}' }],
        }),
        timeseries({
          title: 'Temperature',
          description: 'Of the core, by board.',
          unit: 'celsius',
          queries: [{ expr: board('aidc_gpu_temperature_celsius', 'sensor="core"'), legend: NAME }],
        }),
      ],
    ],
    [
      'Power',
      [
        timeseries({
          title: 'Power by board',
          description: 'As the driver tells it.',
          unit: 'watt',
          queries: [{ expr: sum(board('aidc_gpu_power_draw_watts'), ...BOARD), legend: NAME }],
        }),
        timeseries({
          title: 'Power limit in force',
          description: 'The default, unless a power cap or the board itself lowered it.',
          unit: 'watt',
          queries: [{ expr: board('aidc_gpu_power_limit_watts', 'kind="enforced"'), legend: NAME }],
        }),
        timeseries({
          title: 'Energy not counted',
          description: 'Share of time in which the power of a board was not known. Nothing is extrapolated.',
          unit: 'percentunit',
          queries: [{ expr: `rate(${board('aidc_gpu_energy_gap_seconds_total')}[$__rate_interval])`, legend: NAME }],
        }),
        timeseries({
          title: 'Age of the newest sample',
          description: 'By agent.',
          unit: 's',
          queries: [{ expr: 'time() - aidc_agent_sample_timestamp_seconds', legend: '{{instance}}' }],
        }),
      ],
    ],
  ],
};
