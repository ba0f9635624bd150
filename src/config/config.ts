import { hostname } from 'node:os';
import { z } from 'zod';
import { ConfigError, describe, httpSettings, names, port, readSettings, seconds, yesNo } from './settings.ts';
import { workloadLabels } from './workload-labels.ts';

/**
 * Every setting of the operator: a flag `--like-this`, or the environment variable AIDC_LIKE_THIS; flags win.
 * The description is what `--help` prints.
 */
const settings = z.object({
  kubeconfig: z
    .string()
    .optional()
    .describe('Kubeconfig of the hub. Default: KUBECONFIG, else the pod’s service account.'),
  namespace: z.string().min(1).default('aidc-system').describe('Namespace of the lease and the kubeconfig Secrets.'),
  identity: z.string().min(1).default(hostname()).describe('Name of this replica in the lease.'),
  ...httpSettings,
  metricsSecure: yesNo.describe(
    'Serve /metrics over HTTPS on --metrics-port, and not on --http-port: to those whose token the hub lets get it.',
  ),
  metricsPort: port(8443).describe('Port of /metrics over HTTPS; 0 takes a free one.'),
  metricsCertDir: z
    .string()
    .optional()
    .describe('Folder of tls.crt and tls.key for it, read again when they change. Default: a self-signed certificate.'),
  kubeconfigSecrets: names.describe(
    'Secrets with kubeconfigs, divided by commas: each is watched by its name. Default: all of the namespace.',
  ),
  bindTimeoutSeconds: seconds(60).describe('A pod not bound for so long ends its attempt as BindConflict.'),
  nodeLostSeconds: seconds(300).describe('A node not ready for so long is lost.'),
  avoidSeconds: seconds(600).describe('A node that refused a pod is avoided for so long.'),
  skewBoundSeconds: seconds(60).describe(
    'How far clocks of hub and members may drift apart while a region does not answer; it is given up so much later.',
  ),
  createNamespaces: yesNo.describe('Create a workload’s namespace in the member where it is missing.'),
  allowKubeconfigExec: yesNo.describe('Allow commands and file paths in member kubeconfigs.'),
  rehearse: yesNo.describe('Decide and reserve, but create nothing in the members.'),
  leaseSeconds: z.coerce
    .number()
    .int('must be whole seconds: the Lease object holds no fractions')
    .positive()
    .max(86_400)
    .default(15)
    .describe('Duration of the leader’s lease, whole seconds.'),
  renewSeconds: seconds(10).describe('The leader gives up when it could not renew for so long.'),
  retrySeconds: seconds(2).describe('Pause between tries to take or renew the lease.'),
  ledgerSeconds: seconds(60).describe('Time from one booking of energy, and write of the books, to the next.'),
  maxWorkloadSeries: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(2000)
    .describe('Workloads with series of their own in /metrics, the oldest; tenants have theirs anyway.'),
  workloadLabels: workloadLabels.describe(
    'Labels of workloads that aidc_workload_info has, too, as label_<key>; keys with commas between them. Default: none.',
  ),
  hubQps: z.coerce.number().positive().default(2000).describe('Requests a second to the hub.'),
  memberQps: z.coerce.number().positive().default(500).describe('Requests a second to each member.'),
  workers: z.coerce.number().int().min(1).max(256).default(32).describe('Objects of a kind reconciled at once.'),
});

export type Config = Readonly<z.output<typeof settings>>;

/** Checked once, frozen. Throws ConfigError with one line a problem, naming flag and variable. */
export function loadConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Config {
  const config = readSettings(settings, args, env);
  if (!(config.leaseSeconds > config.renewSeconds && config.renewSeconds > 1.2 * config.retrySeconds)) {
    throw new ConfigError(
      `--lease-seconds (${config.leaseSeconds}) must be above --renew-seconds (${config.renewSeconds}), and that above 1.2 times --retry-seconds (${config.retrySeconds})`,
    );
  }
  if (config.metricsSecure && config.metricsPort !== 0 && config.metricsPort === config.httpPort) {
    throw new ConfigError(
      `--metrics-port (${config.metricsPort}) must not be --http-port: probes stay there, without TLS`,
    );
  }
  return Object.freeze(config);
}

/** One line a setting, for `--help`. */
export const describeSettings = (): string => describe(settings);
