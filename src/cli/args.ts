import { parseArgs } from 'node:util';
import { usageError } from './errors.ts';

/** Every flag, once: its form, and what the help says of it. */
export const FLAGS = {
  kubeconfig: {
    type: 'string',
    value: 'FILE',
    help: 'kubeconfig of the hub (default: KUBECONFIG, else ~/.kube/config)',
  },
  context: { type: 'string', value: 'NAME', help: 'context of the kubeconfig (default: its current-context)' },
  namespace: { type: 'string', short: 'n', value: 'NAME', help: 'namespace (default: that of the context)' },
  'all-namespaces': { type: 'boolean', short: 'A', help: 'all namespaces' },
  by: { type: 'string', value: 'WHAT', help: 'what the sums are made by' },
  output: { type: 'string', short: 'o', value: 'FORMAT', help: 'table, json or yaml (default table)' },
  'no-color': { type: 'boolean', help: 'no colour, also on a terminal' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const;
export type FlagName = keyof typeof FLAGS;

export const OUTPUTS = ['table', 'json', 'yaml'] as const;
export type Output = (typeof OUTPUTS)[number];

export interface Flags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly 'all-namespaces'?: boolean;
  readonly by?: string;
  readonly output?: Output;
  readonly 'no-color'?: boolean;
  readonly help?: boolean;
}

export interface Parsed {
  readonly positionals: readonly string[];
  readonly flags: Flags;
}

/** Throws a usage error for flags that there are not, or that stand without their value. */
export function parse(argv: readonly string[]): Parsed {
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true, strict: true });
  } catch (error) {
    // Node's sentences beyond the first are about calling parseArgs.
    const [sentence = ''] = (error as Error).message.split(/\. (?=[A-Z])/);
    throw usageError(`${sentence.replace(/\.$/, '')}; see --help.`);
  }
  const flags = parsed.values as Flags;
  if (flags.output !== undefined && !OUTPUTS.includes(flags.output)) {
    throw usageError(`-o ${flags.output} is not known: it must be ${OUTPUTS.join(', ')}.`);
  }
  if (flags.namespace !== undefined && flags['all-namespaces'] === true) {
    throw usageError('-n and -A contradict each other: give one of them.');
  }
  return { positionals: parsed.positionals, flags };
}

/** `-n, --namespace NAME   namespace (...)`, a line a flag. */
export function flagsHelp(names: readonly FlagName[]): string {
  const lines = names.map((name) => {
    const flag = FLAGS[name];
    const short = 'short' in flag ? `-${flag.short}, ` : '    ';
    return [`  ${short}--${name}${'value' in flag ? ` ${flag.value}` : ''}`, flag.help] as const;
  });
  const width = Math.max(...lines.map(([left]) => left.length)) + 2;
  return lines.map(([left, right]) => left.padEnd(width) + right).join('\n');
}
