/**
 * docs/metrics.md, from the families that the operator registers: it is wired here as in production, before a hub that
 * says its name and nothing else, and never run.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AGENT_FAMILIES } from '../../src/agent/families.ts';
import { REGIONAL_CLUSTER, type RegionalCluster } from '../../src/api/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { PrometheusMetrics } from '../../src/observability/index.ts';
import { buildOperator } from '../../src/operator.ts';
import { MemberConnection } from '../../src/regions/member.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { noopLogger } from '../../src/runtime/logger.ts';

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Every family of the agent. */
export const agentFamilies: readonly Family[] = AGENT_FAMILIES.map(({ name, type = 'gauge', help, labels = [] }) => ({
  name,
  type,
  help,
  labels,
})).sort((a, b) => (a.name < b.name ? -1 : 1));

/** Families that others of its kind have, and why there are none here. */
const NOT_EXPORTED: readonly (readonly [family: string, reason: string])[] = [
  ['`aidc_gpu_energy_joules_total{source="device"}`', '`nvidia-smi` tells no energy counter'],
  ['XIDs', 'they are not in the documents of `nvidia-smi`; see `aidc_gpu_recovery_action` and `aidc_gpu_health`'],
  ['utilisation and power of MIG devices', 'the driver does not tell them'],
  [
    '`attribution="memory"`',
    'boards that pods hold in turns are shared out by equal parts: the memory of processes is not known to belong to pods',
  ],
  [
    '`rest_client_requests_total`',
    '`aidc_kube_requests_total` counts the same, by cluster and verb in the place of host and method',
  ],
  [
    '`rest_client_request_duration_seconds`',
    '`aidc_kube_request_duration_seconds` has the same, by cluster and verb in the place of host',
  ],
  [
    '`aidc_member_cluster_sync_lag_seconds`, `aidc_member_cluster_sync_errors_total`',
    '`aidc_reflector_last_contact_seconds`, `aidc_reflector_errors_total` and `aidc_reflector_relists_total` tell it by cluster and resource',
  ],
  ['`aidc_tenant_weighted_share_ratio`', 'shares are fair between queues: `aidc_queue_weighted_share_ratio`'],
  [
    '`aidc_deferrals_total`, `aidc_deferred_seconds_total`',
    'nothing is put off for price or CO2; what waits for power now: `aidc_unschedulable_workloads{reason="InsufficientPower"}`',
  ],
  ['`leader_election_slowpath_total`', 'the elector has one path'],
  ['`aidc_power_cap_watts`', 'caps are known by board: `aidc_gpu_power_cap_watts`'],
  ['`aidc_power_cap_changes_total`', 'its name is `aidc_agent_power_cap_changes_total`'],
  [
    '`aidc_power_cap_energy_saved_joules_estimate_total`',
    'what a run would have drawn without its cap is not measured',
  ],
  ['`aidc_region_signal_age_seconds`', 'prices and carbon intensities are configured, not fetched'],
];

/** prom-client keeps the names of the labels, but does not say so in its types. */
interface Registered {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

/** Every family of the operator, without those of the Node process. */
export async function families(): Promise<Family[]> {
  const metrics = new PrometheusMetrics({ processMetrics: false });
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'hub' } }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const operator = await buildOperator({
      config: loadConfig([], {}),
      credentials: { server: `http://127.0.0.1:${port}` },
      logger: noopLogger,
      metrics,
      fatal: (error) => {
        throw error;
      },
    });
    // A member comes with a RegionalCluster only.
    new MemberConnection({
      object: aMember(),
      access: { reason: 'NoSuchSecret', message: 'never run' } as never,
      hubId: 'hub',
      logger: noopLogger,
      clock: systemClock,
      metrics,
      onIdentity: () => {},
      onChange: () => {},
    });
    await operator.run(AbortSignal.abort());
  } finally {
    server.closeAllConnections();
    server.close();
  }
  const registered = (await metrics.registry.getMetricsAsArray()) as unknown as Registered[];
  return registered
    .map(({ name, type, help, labelNames }) => ({ name, type, help, labels: [...labelNames] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function aMember(): RegionalCluster {
  const spec = REGIONAL_CLUSTER.spec.parse({
    region: 'r',
    kubeconfigSecretRef: { name: 's' },
    location: { zone: 'West', jurisdiction: 'CN' },
    electricity: { tariff: [{ pricePerKWhMicros: 1 }] },
    carbon: { gramsPerKWh: 1 },
  });
  return { metadata: { name: 'c', uid: 'c' }, spec } as RegionalCluster;
}

/** The document. */
export function metricsDocument(all: readonly Family[], header: string): string {
  return `<!-- ${header} -->
# Metrics

All families of \`/metrics\`, beside those of the Node process (\`process_*\`, \`nodejs_*\`). [operations.md](operations.md)
says what they are for, [alerts.md](alerts.md) which alerts stand on them.

No label has a value that grows without bound: no process, no message. Series of a workload, a queue or a region go when its
object is deleted, and those that name a pod when it no longer holds the board.

## The operator

${tableOf(all)}

## The agent

One set for each board; \`gpu_index\` and the like are in \`aidc_gpu_info\` only. What a board does not tell has no series: it is
not 0. When samples are too old, only health, allocation, holders and the counters of energy are left.

${tableOf(agentFamilies)}

## Not exported, and why

| What | Why |
|---|---|
${NOT_EXPORTED.map(([family, reason]) => `| ${family} | ${reason} |`).join('\n')}
`;
}

function tableOf(families: readonly Family[]): string {
  const rows = families.map(
    ({ name, type, help, labels }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help.replaceAll('|', '\\|')} |`,
  );
  return `| Family | Type | Labels | Meaning |\n|---|---|---|---|\n${rows.join('\n')}`;
}
