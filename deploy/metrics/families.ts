/**
 * docs/metrics.md, from the families that the operator registers: it is wired here as in production, before a hub that
 * says its name and nothing else, and never run.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
  const rows = all.map(
    ({ name, type, help, labels }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help.replaceAll('|', '\\|')} |`,
  );
  return `<!-- ${header} -->
# Metrics

All families of \`/metrics\`, beside those of the Node process (\`process_*\`, \`nodejs_*\`). [operations.md](operations.md)
says what they are for, [alerts.md](alerts.md) which alerts stand on them.

No label has a value that grows without bound: no pod, no process, no message. Series of a workload, a queue or a region
go when its object is deleted.

| Family | Type | Labels | Meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}
