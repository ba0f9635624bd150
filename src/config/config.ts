import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const seconds = (value: number) => z.coerce.number().positive().max(86_400).default(value);
const yesNo = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

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
  httpHost: z.string().default('0.0.0.0').describe('Address of /metrics, /livez and /readyz.'),
  httpPort: z.coerce.number().int().min(0).max(65_535).default(8080).describe('Port of the same; 0 takes a free one.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severe level that is logged.'),
  bindTimeoutSeconds: seconds(60).describe('A pod not bound for so long ends its attempt as BindConflict.'),
  nodeLostSeconds: seconds(300).describe('A node not ready for so long is lost.'),
  avoidSeconds: seconds(600).describe('A node that refused a pod is avoided for so long.'),
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
  hubQps: z.coerce.number().positive().default(2000).describe('Requests a second to the hub.'),
  memberQps: z.coerce.number().positive().default(500).describe('Requests a second to each member.'),
  workers: z.coerce.number().int().min(1).max(256).default(32).describe('Objects of a kind reconciled at once.'),
});

export type Config = Readonly<z.output<typeof settings>>;

export class ConfigError extends Error {}

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const envName = (name: string): string => `AIDC_${kebab(name).replaceAll('-', '_').toUpperCase()}`;

/** Checked once, frozen. Throws ConfigError with one line a problem, naming flag and variable. */
export function loadConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Config {
  const names = Object.keys(settings.shape);
  const flags = readFlags(args, names);
  const raw: Record<string, unknown> = {};
  for (const name of names) {
    const value = flags[kebab(name)] ?? env[envName(name)];
    if (value !== undefined && value !== '') raw[name] = value;
  }
  const parsed = settings.safeParse(raw);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues
        .map((issue) => `--${kebab(String(issue.path[0]))} (${envName(String(issue.path[0]))}): ${issue.message}`)
        .join('\n'),
    );
  }
  const config = parsed.data;
  if (!(config.leaseSeconds > config.renewSeconds && config.renewSeconds > 1.2 * config.retrySeconds)) {
    throw new ConfigError(
      `--lease-seconds (${config.leaseSeconds}) must be above --renew-seconds (${config.renewSeconds}), and that above 1.2 times --retry-seconds (${config.retrySeconds})`,
    );
  }
  return Object.freeze(config);
}

const isSwitch = (name: string): boolean =>
  settings.shape[name as keyof typeof settings.shape].safeParse('false').data === false;

function readFlags(args: readonly string[], names: readonly string[]): Record<string, string | undefined> {
  try {
    const options = Object.fromEntries(names.map((name) => [kebab(name), { type: 'string' as const }]));
    // A yes-or-no flag alone means yes.
    const switches = new Set(names.filter(isSwitch).map((name) => `--${kebab(name)}`));
    const given = args.map((arg) => (switches.has(arg) ? `${arg}=true` : arg));
    return parseArgs({ args: given, options, strict: true, allowPositionals: false }).values as Record<string, string>;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message.split('. ')[0]}; see --help`);
  }
}

/** One line a setting, for `--help`. */
export function describeSettings(): string {
  return Object.entries(settings.shape)
    .map(([name, schema]) => `  --${kebab(name).padEnd(24)} ${schema.description ?? ''} [${envName(name)}]`)
    .join('\n');
}
