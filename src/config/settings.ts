import { parseArgs } from 'node:util';
import { z } from 'zod';

export class ConfigError extends Error {}

type Settings = z.ZodObject<Readonly<Record<string, z.ZodType>>>;

export const seconds = (value: number) => z.coerce.number().positive().max(86_400).default(value);

export const port = (value: number) => z.coerce.number().int().min(0).max(65_535).default(value);

const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Names of objects, divided by commas; each once. */
export const names = z
  .string()
  .default('')
  .transform((text): readonly string[] => [...new Set(text.split(',').map((name) => name.trim()))].filter(Boolean))
  .superRefine((given, context) => {
    for (const name of given.filter((one) => one.length > 253 || !OBJECT_NAME.test(one))) {
      const message = `"${name}" is no name of an object: lower case letters, digits, - and . only; names are divided by commas`;
      context.addIssue({ code: 'custom', message });
    }
  });

export const yesNo = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

/** Settings that every role has. */
export const httpSettings = {
  httpHost: z.string().default('0.0.0.0').describe('Address of /metrics, /livez and /readyz.'),
  httpPort: port(8080).describe('Port of the same; 0 takes a free one.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severe level that is logged.'),
} as const;

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const envName = (name: string): string => `AIDC_${kebab(name).replaceAll('-', '_').toUpperCase()}`;

/** Flags, else variables, else defaults. Throws ConfigError with one line a problem, naming flag and variable. */
export function readSettings<S extends Settings>(
  settings: S,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): z.output<S> {
  const flags = readFlags(settings, args);
  const raw: Record<string, unknown> = {};
  for (const name of Object.keys(settings.shape)) {
    const value = flags[kebab(name)] ?? env[envName(name)];
    if (value !== undefined && value !== '') raw[name] = value;
  }
  const parsed = settings.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues
      .map((issue) => `--${kebab(String(issue.path[0]))} (${envName(String(issue.path[0]))}): ${issue.message}`)
      .join('\n'),
  );
}

function readFlags(settings: Settings, args: readonly string[]): Record<string, string | undefined> {
  try {
    const names = Object.keys(settings.shape);
    const options = Object.fromEntries(names.map((name) => [kebab(name), { type: 'string' as const }]));
    // A yes-or-no flag alone means yes.
    const isSwitch = (name: string): boolean => settings.shape[name]?.safeParse('false').data === false;
    const switches = new Set(names.filter(isSwitch).map((name) => `--${kebab(name)}`));
    const given = args.map((arg) => (switches.has(arg) ? `${arg}=true` : arg));
    return parseArgs({ args: given, options, strict: true, allowPositionals: false }).values as Record<string, string>;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message.split('. ')[0]}; see --help`);
  }
}

/** One line a setting, for `--help`. */
export function describe(settings: Settings): string {
  return Object.entries(settings.shape)
    .map(([name, schema]) => `  --${kebab(name).padEnd(24)} ${schema.description ?? ''} [${envName(name)}]`)
    .join('\n');
}
