import { type Dashboard, stat, table, timeseries } from './builder.ts';
import { once } from './promql.ts';

const CHOSEN = 'cluster=~"$cluster"';
const REQUESTS = `aidc_kube_requests_total{${CHOSEN}}`;

/** The operator's own health, and that of its connections to the hub and the members. */
export const health: Dashboard = {
  uid: 'aidc-health',
  title: 'AIDC / Operator and members',
  description: 'The health of the operator and of its connections to the hub and to the members.',
  variables: [{ name: 'cluster', label: 'Cluster', family: 'aidc_kube_circuit_open', of: 'cluster' }],
  rows: [
    [
      'Operator',
      [
        stat({
          title: 'Leaders',
          description: 'Replicas that lead: 1. None for long: nothing is decided.',
          queries: [{ expr: 'sum(leader_election_master_status{name="aidc-operator"})' }],
          thresholds: [
            [null, 'red'],
            [1, 'green'],
            [2, 'red'],
          ],
        }),
        stat({
          title: 'Replicas',
          description: 'Operators that are read by this Prometheus.',
          queries: [{ expr: 'count(leader_election_master_status{name="aidc-operator"})' }],
        }),
        stat({
          title: 'Members that do not answer',
          description: 'See the dashboard of the fleet for which.',
          queries: [{ expr: `sum(1 - ${once('aidc_member_cluster_up', 'cluster')})` }],
          thresholds: [
            [null, 'green'],
            [1, 'red'],
          ],
        }),
        stat({
          title: 'Unknown objects in members',
          description:
            'Objects of ours whose workload is not on the hub. They are left alone and count as used by others.',
          queries: [{ expr: `sum(${once('aidc_member_orphans', 'cluster')})` }],
          thresholds: [
            [null, 'green'],
            [1, 'orange'],
          ],
        }),
        stat({
          title: 'Errors in handlers',
          description: 'Programming errors since the start; should be 0.',
          queries: [{ expr: 'sum(aidc_store_handler_panics_total) + sum(controller_runtime_reconcile_panics_total)' }],
          thresholds: [
            [null, 'green'],
            [1, 'red'],
          ],
        }),
        stat({
          title: 'Unreadable quantities',
          description: 'Quantities of nodes and pods that could not be read and count as 0.',
          queries: [{ expr: 'sum(aidc_member_bad_quantities_total)' }],
          thresholds: [
            [null, 'green'],
            [1, 'orange'],
          ],
        }),
        timeseries({
          title: 'Leader',
          description: '1 for the replica that leads.',
          queries: [{ expr: 'leader_election_master_status{name="aidc-operator"}', legend: '{{instance}}' }],
        }),
        timeseries({
          title: 'Event loop held',
          description: 'Longest time since the last scrape for which the process answered nobody.',
          unit: 's',
          queries: [
            { expr: 'aidc_event_loop_delay_seconds{statistic="max"}', legend: '{{instance}} longest' },
            { expr: 'aidc_event_loop_delay_seconds{statistic="p99"}', legend: '{{instance}} 99 %' },
          ],
        }),
        timeseries({
          title: 'Memory',
          description: 'Resident memory of the process.',
          unit: 'bytes',
          queries: [
            {
              expr: 'process_resident_memory_bytes and on (instance, job) leader_election_master_status',
              legend: '{{instance}}',
            },
          ],
        }),
        timeseries({
          title: 'CPU',
          description: 'Cores in use.',
          queries: [
            {
              expr: 'rate(process_cpu_seconds_total[$__rate_interval]) and on (instance, job) leader_election_master_status',
              legend: '{{instance}}',
            },
          ],
        }),
      ],
    ],
    [
      'Requests',
      [
        timeseries({
          title: 'Requests by cluster',
          description: 'To API servers, a second.',
          unit: 'reqps',
          queries: [{ expr: `sum by (cluster) (rate(${REQUESTS}[$__rate_interval]))`, legend: '{{cluster}}' }],
        }),
        timeseries({
          title: 'Requests by answer',
          description: 'HTTP code, or why there was no answer.',
          unit: 'reqps',
          queries: [
            { expr: `sum by (cluster, code) (rate(${REQUESTS}[$__rate_interval]))`, legend: '{{cluster}} {{code}}' },
          ],
        }),
        timeseries({
          title: 'Duration of requests (99 of 100)',
          description: 'One try, without watches.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (cluster, verb, le) (rate(aidc_kube_request_duration_seconds_bucket{${CHOSEN}}[$__rate_interval])))`,
              legend: '{{cluster}} {{verb}}',
            },
          ],
        }),
        timeseries({
          title: 'Requests refused at once',
          description: '1 while a cluster has failed so often that requests to it are not even tried.',
          queries: [{ expr: once(`aidc_kube_circuit_open{${CHOSEN}}`, 'cluster'), legend: '{{cluster}}' }],
          words: { '0': ['tried', 'green'], '1': ['refused', 'red'] },
        }),
      ],
    ],
    [
      'Members',
      [
        timeseries({
          title: 'Duration of looks at members (99 of 100)',
          description: 'A look asks for the identity, the version and the rights.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (cluster, le) (increase(aidc_member_cluster_probe_duration_seconds_bucket{${CHOSEN}}[$__range])))`,
              legend: '{{cluster}}',
            },
          ],
        }),
        timeseries({
          title: 'Silence of watches',
          description:
            'Seconds since the last byte from the server, of the most silent watch. It is made anew when too long.',
          unit: 's',
          queries: [
            {
              expr: `max by (cluster) (aidc_reflector_last_contact_seconds{${CHOSEN}})`,
              legend: '{{cluster}}',
            },
          ],
        }),
        table({
          title: 'Watches',
          description: 'Objects in memory, and whether the watch is in contact (1).',
          width: 12,
          queries: [
            { expr: `max by (cluster, resource) (aidc_reflector_objects{${CHOSEN}})` },
            { expr: `min by (cluster, resource) (aidc_reflector_healthy{${CHOSEN}})` },
          ],
          columns: { cluster: 'Cluster', resource: 'Resource', 'Value #A': 'Objects', 'Value #B': 'In contact' },
        }),
        timeseries({
          title: 'Watches that failed, and lists made anew',
          description: 'A second, by cluster.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (cluster) (rate(aidc_reflector_errors_total{${CHOSEN}}[$__rate_interval]))`,
              legend: '{{cluster}} failed',
            },
            {
              expr: `sum by (cluster) (rate(aidc_reflector_lists_total{${CHOSEN}}[$__rate_interval]))`,
              legend: '{{cluster}} lists',
            },
          ],
        }),
        timeseries({
          title: 'Events written',
          description: 'Kubernetes Events a second, by result.',
          queries: [{ expr: 'sum by (result) (rate(aidc_events_total[$__rate_interval]))', legend: '{{result}}' }],
        }),
      ],
    ],
  ],
};
