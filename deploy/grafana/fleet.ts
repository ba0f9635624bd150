import { type Dashboard, geomap, stat, table, timeseries } from './builder.ts';
import { once, total } from './promql.ts';

const PLACE = ['region', 'cluster'] as const;
const BOARDS = [...PLACE, 'gpu_model'] as const;
const CHOSEN = '{region=~"$region"}';
const power = (family: string): string =>
  once(`rate(${family}{region=~"$region", scope="facility"}[$__rate_interval])`, ...PLACE);
const boards = (family: string, by: readonly string[] = []): string => total(`${family}${CHOSEN}`, by, BOARDS);

/** The regions: what they have, what of it is held, whether they answer, what their power costs. */
export const fleet: Dashboard = {
  uid: 'aidc-fleet',
  title: 'AIDC / Fleet and regions',
  description: 'Accelerators, reachability and the power of every region.',
  variables: [{ name: 'region', label: 'Region', family: 'aidc_member_cluster_up', of: 'region' }],
  rows: [
    [
      'Fleet',
      [
        stat({
          title: 'Clusters that answer',
          description: 'Member clusters whose API server answers.',
          queries: [{ expr: `sum(${once(`aidc_member_cluster_up${CHOSEN}`, ...PLACE)})` }],
        }),
        stat({
          title: 'Clusters that do not answer',
          description: 'Their workloads go on, but nothing new is placed there.',
          queries: [{ expr: `sum(1 - ${once(`aidc_member_cluster_up${CHOSEN}`, ...PLACE)})` }],
          thresholds: [
            [null, 'green'],
            [1, 'red'],
          ],
        }),
        stat({
          title: 'Accelerators',
          description: 'On all nodes, also on those that cannot be used at present.',
          queries: [{ expr: boards('aidc_region_gpu_capacity') }],
        }),
        stat({
          title: 'Usable',
          description: 'Accelerators on nodes that are ready and not cordoned.',
          queries: [{ expr: boards('aidc_region_gpu_allocatable') }],
        }),
        stat({
          title: 'Allocated',
          description: 'Accelerators reserved for workloads of the centre.',
          queries: [{ expr: boards('aidc_region_gpu_allocated') }],
        }),
        stat({
          title: 'Allocated share',
          description: 'Allocated over usable accelerators.',
          unit: 'percentunit',
          queries: [{ expr: `${boards('aidc_region_gpu_allocated')} / ${boards('aidc_region_gpu_allocatable')}` }],
        }),
      ],
    ],
    [
      'Map',
      [
        geomap({
          title: 'Where the clusters are',
          description: 'Allocated over usable accelerators of every cluster whose RegionalCluster says where it is.',
          unit: 'percentunit',
          queries: [
            { expr: once(`aidc_region_latitude_degrees${CHOSEN}`, ...PLACE) },
            { expr: once(`aidc_region_longitude_degrees${CHOSEN}`, ...PLACE) },
            {
              expr: `${boards('aidc_region_gpu_allocated', PLACE)} / (${boards('aidc_region_gpu_allocatable', PLACE)} > 0)`,
            },
            { expr: once(`aidc_member_cluster_up${CHOSEN}`, ...PLACE) },
          ],
          columns: {
            cluster: 'Cluster',
            region: 'Region',
            'Value #A': 'Latitude',
            'Value #B': 'Longitude',
            'Value #C': 'Allocated share',
            'Value #D': 'Answers',
          },
          map: { latitude: 'Latitude', longitude: 'Longitude', name: 'Cluster', color: 'Allocated share' },
          thresholds: [
            [null, 'green'],
            [0.8, 'orange'],
            [0.95, 'red'],
          ],
        }),
      ],
    ],
    [
      'Accelerators',
      [
        timeseries({
          title: 'Allocated share by region',
          description: 'Allocated over usable accelerators of a region.',
          unit: 'percentunit',
          queries: [
            {
              expr: `${boards('aidc_region_gpu_allocated', PLACE)} / (${boards('aidc_region_gpu_allocatable', PLACE)} > 0)`,
              legend: '{{cluster}}',
            },
          ],
        }),
        timeseries({
          title: 'Allocated by type',
          description: 'Accelerators reserved for workloads, by region and type.',
          stacked: true,
          queries: [{ expr: boards('aidc_region_gpu_allocated', BOARDS), legend: '{{cluster}} {{gpu_model}}' }],
        }),
        timeseries({
          title: 'Not usable',
          description: 'Accelerators on nodes that are not ready, cordoned, or that have lost boards.',
          queries: [
            {
              expr: `${boards('aidc_region_gpu_capacity', BOARDS)} - ${boards('aidc_region_gpu_allocatable', BOARDS)}`,
              legend: '{{cluster}} {{gpu_model}}',
            },
          ],
        }),
        timeseries({
          title: 'Used by others',
          description: 'Accelerators that pods hold which are not of the centre.',
          queries: [{ expr: boards('aidc_region_gpu_used_by_others', BOARDS), legend: '{{cluster}} {{gpu_model}}' }],
        }),
        table({
          title: 'Inventory',
          description: 'Accelerators by cluster and type, now.',
          queries: [
            { expr: boards('aidc_region_gpu_capacity', BOARDS) },
            { expr: boards('aidc_region_gpu_allocatable', BOARDS) },
            { expr: boards('aidc_region_gpu_allocated', BOARDS) },
            { expr: boards('aidc_region_gpu_used_by_others', BOARDS) },
          ],
          columns: {
            region: 'Region',
            cluster: 'Cluster',
            gpu_model: 'Type',
            'Value #A': 'All',
            'Value #B': 'Usable',
            'Value #C': 'Allocated',
            'Value #D': 'Used by others',
          },
        }),
      ],
    ],
    [
      'Reachability',
      [
        timeseries({
          title: 'Cluster answers',
          description: '1 while the API server of the member answers.',
          queries: [{ expr: once(`aidc_member_cluster_up${CHOSEN}`, ...PLACE), legend: '{{cluster}}' }],
          words: { '0': ['does not answer', 'red'], '1': ['answers', 'green'] },
        }),
        table({
          title: 'Versions',
          description: 'Kubernetes version of every member.',
          width: 12,
          queries: [{ expr: once(`aidc_member_cluster_info${CHOSEN}`, ...PLACE, 'version') }],
          columns: { region: 'Region', cluster: 'Cluster', version: 'Version', Value: 'Reported' },
        }),
      ],
    ],
    [
      'Energy (as measured)',
      [
        timeseries({
          title: 'Power at the facility',
          description: 'As agents measured it last, of all boards that they watch, whoever holds them.',
          unit: 'watt',
          width: 6,
          queries: [
            {
              expr: once('aidc_region_power_draw_watts{region=~"$region", scope="facility"}', ...PLACE),
              legend: '{{cluster}}',
            },
          ],
        }),
        timeseries({
          title: 'Power of boards that nobody holds',
          description: 'With their part of the overhead of nodes, at the facility.',
          unit: 'watt',
          width: 6,
          queries: [{ expr: power('aidc_region_unallocated_energy_joules_total'), legend: '{{cluster}}' }],
        }),
        timeseries({
          title: 'Nodes by their agents',
          description:
            'reporting; blind: the agent cannot measure; silent: no report for 5 minutes; missing: no agent. Of all but the first energy is an estimate.',
          width: 6,
          queries: [
            { expr: once(`aidc_region_metered_nodes${CHOSEN}`, ...PLACE, 'state'), legend: '{{cluster}} {{state}}' },
          ],
        }),
        timeseries({
          title: 'Boards by their health',
          description:
            'As agents see them. lost: does not answer any more; degraded: asks for help; unknown: there is no sample.',
          width: 6,
          queries: [
            { expr: once(`aidc_region_gpu_health${CHOSEN}`, ...PLACE, 'state'), legend: '{{cluster}} {{state}}' },
          ],
        }),
      ],
    ],
    [
      'Power budget (as reckoned)',
      [
        timeseries({
          title: 'Reserved power',
          description: 'Facility power that admitted work, and pods of others on accelerators, are reckoned to draw.',
          unit: 'watt',
          queries: [{ expr: once(`aidc_region_power_reserved_watts${CHOSEN}`, ...PLACE), legend: '{{cluster}}' }],
        }),
        timeseries({
          title: 'Reserved share of the power budget',
          description: 'Of regions that have a budget: at 1 nothing new is admitted there.',
          unit: 'percentunit',
          queries: [
            {
              expr: `${once(`aidc_region_power_reserved_watts${CHOSEN}`, ...PLACE)} / ${once(`aidc_region_power_budget_watts${CHOSEN}`, ...PLACE)}`,
              legend: '{{cluster}}',
            },
          ],
        }),
      ],
    ],
    [
      'Power (as configured)',
      [
        timeseries({
          title: 'Price of electricity',
          description: 'Money for a kWh by the tariff of the RegionalCluster at this hour. Configured, not measured.',
          width: 8,
          queries: [
            {
              expr: once(`aidc_region_electricity_price_per_kilowatt_hour${CHOSEN}`, ...PLACE, 'currency'),
              legend: '{{cluster}} {{currency}}',
            },
          ],
        }),
        timeseries({
          title: 'PUE',
          description: 'Facility power over IT power. Configured, not measured.',
          width: 8,
          queries: [{ expr: once(`aidc_region_pue_ratio${CHOSEN}`, ...PLACE), legend: '{{cluster}}' }],
        }),
        timeseries({
          title: 'CO2 of a kWh',
          description:
            'Grams of CO2 of a kWh by the grid of the location, by the hour where that is configured. Not measured.',
          width: 8,
          queries: [
            {
              expr: once(`aidc_region_carbon_intensity_grams_per_kilowatt_hour${CHOSEN}`, ...PLACE),
              legend: '{{cluster}}',
            },
          ],
        }),
      ],
    ],
  ],
};
