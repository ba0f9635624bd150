import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FLAGS } from './cli/args.ts';
import { EXIT, told } from './cli/errors.ts';
import { paintFor } from './cli/session.ts';
import { coloured, plain } from './cli/table.ts';
import { COMMANDS as ALL, main } from './cli.ts';
import { KubeError } from './kube/errors.ts';
import { KubeconfigError } from './kube/kubeconfig.ts';

/** One run of the plugin without any cluster. */
async function ran(...argv: string[]): Promise<{ code: number; out: string; note: string }> {
  let out = '';
  let note = '';
  const code = await main(argv, {
    out: (text) => {
      out += text;
    },
    note: (text) => {
      note += text;
    },
    isTerminal: false,
    env: { KUBECONFIG: '/nowhere' },
    now: () => 0,
  });
  return { code, out, note };
}

const COMMANDS = ['why', 'queue', 'top', 'regions', 'bill', 'suspend', 'resume', 'completion'];

describe('the command line', () => {
  it('has help for itself and every command', async () => {
    const { code, out } = await ran('--help');
    expect(code).toBe(0);
    for (const name of COMMANDS) {
      expect(out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
      const help = await ran(name, '--help');
      expect(help).toMatchObject({ code: 0, note: '' });
      expect(help.out).toMatch(new RegExp(`^usage: kubectl aidc ${name}`));
      expect(help.out).toContain('Exit codes: 0 done, 1 it failed, 2 wrong usage');
    }
  });

  it.each([
    [[], /say what to do/],
    [['fly'], /there is no command fly: it must be why, queue/],
    [['why'], /usage: kubectl aidc why NAME/],
    [['why', 'a', 'b'], /usage: kubectl aidc why/],
    [['top', '--fast'], /Unknown option '--fast'/],
    [['top', '-n'], /argument missing/],
    [['top', '-n', 'a', '-A'], /contradict each other/],
    [['queue', '-A'], /queue has no flag --all-namespaces/],
    [['regions', '-o', 'wide'], /-o wide is not known: it must be table, json, yaml/],
    [['bill', '--by', 'moon'], /--by moon is not known/],
    [['completion', 'fish'], /it must be bash or zsh/],
    [['regions'], /there is no kubeconfig: KUBECONFIG names \/nowhere/],
  ])('refuses %j in a sentence', async (argv, sentence) => {
    const { code, out, note } = await ran(...argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(note).toMatch(/^kubectl aidc: /);
    expect(note).toMatch(sentence);
  });
});

describe('its documentation', () => {
  const text = readFileSync(join(import.meta.dirname, '..', 'docs', 'kubectl-aidc.md'), 'utf8');

  it('has every command, every flag with the commands that take it, and every exit code', () => {
    for (const { name } of ALL) expect(text).toMatch(new RegExp(`^\\| \`${name}[ \`]`, 'm'));
    for (const flag of Object.keys(FLAGS)) {
      const row = new RegExp(`^\\| .*\`--${flag}[ \`].*? \\| (.+?) \\|`, 'm').exec(text)?.[1];
      const takers = ALL.filter(({ name, flags }) => name !== 'completion' && (flags as string[]).includes(flag));
      const all = takers.length === ALL.length - 1;
      expect([flag, row]).toEqual([flag, all ? 'all' : takers.map(({ name }) => `\`${name}\``).join(', ')]);
    }
    for (const code of Object.values(EXIT)) expect(text).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'));
  });
});

const answered = (status: number, reason: string, message = ''): KubeError =>
  new KubeError('request failed', { status, reason, body: { kind: 'Status', message, reason } });

it.each<[error: Error, code: number, sentence: RegExp]>([
  [new Error('out of paper'), EXIT.failed, /^out of paper$/],
  [answered(422, 'Invalid', 'spec.suspend: Invalid value'), EXIT.failed, /^spec\.suspend: Invalid value$/],
  [answered(500, 'InternalError', 'etcd has no leader'), EXIT.failed, /^etcd has no leader$/],
  [new KubeconfigError('no context'), EXIT.usage, /^no context$/],
  [
    new KubeError('connection refused', { status: 0, reason: 'ConnectionFailed' }),
    EXIT.unreachable,
    /does not answer: /,
  ],
  [answered(404, 'NotFound', 'queue "x" not found'), EXIT.notFound, /^queue "x" not found$/],
  [
    new KubeError('404', { status: 404, reason: 'Unknown', body: 'page not found' }),
    EXIT.notFound,
    /no aidc\.dev kinds/,
  ],
  [answered(401, 'Unauthorized'), EXIT.notAllowed, /does not accept the credentials/],
  [answered(403, 'Forbidden', 'ann cannot list'), EXIT.notAllowed, /^not allowed: ann cannot list$/],
])('%s ends with code %i', (error, code, sentence) => {
  expect(told(error)).toMatchObject({ code, message: expect.stringMatching(sentence) });
});

/** Packages that are loaded before a command runs. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const code = readFileSync(file, 'utf8');
  for (const [, what = ''] of code.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'";]*?from\s+)?'([^']+)'/gm)) {
    if (what.startsWith('.')) for (const one of packagesOf(join(dirname(file), what), seen)) packages.add(one);
    else if (!what.startsWith('node:')) packages.add(what);
  }
  return packages;
}

it('starts fast: neither schemas nor frameworks are loaded', () => {
  expect([...packagesOf(join(import.meta.dirname, 'cli.ts'))].sort()).toEqual(['undici', 'yaml']);
  // The walk does find what must not be there.
  expect([...packagesOf(join(import.meta.dirname, 'api', 'index.ts'))]).toEqual(['zod']);
});

describe('completion', () => {
  it('knows commands, flags and values, and stays silent where the hub cannot be asked', async () => {
    expect((await ran('__complete', 're')).out).toBe('regions\nresume\n:4\n');
    expect((await ran('__complete', '')).out).toBe(`${COMMANDS.join('\n')}\n:4\n`);
    expect((await ran('__complete', 'bill', '--al')).out).toBe('--all-namespaces\n:4\n');
    expect((await ran('__complete', 'bill', '-o', '')).out).toBe('table\njson\nyaml\n:4\n');
    expect((await ran('__complete', 'bill', '--by', 'te')).out).toBe('tenant\n:4\n');
    expect((await ran('__complete', 'completion', '')).out).toBe('bash\nzsh\n:4\n');
    expect((await ran('__complete', 'why', '')).out).toBe(':4\n');
    expect((await ran('__complete', 'why', '-n', '')).out).toBe(':4\n');
    expect((await ran('__complete')).out).toContain('why\n');
  });

  it('knows values behind an equals sign, in one word as of zsh and kubectl, or in three as of bash', async () => {
    expect((await ran('__complete', 'bill', '--by=te')).out).toBe('--by=tenant\n:4\n');
    expect((await ran('__complete', 'bill', '--by', '=', 'te')).out).toBe('tenant\n:4\n');
    expect((await ran('__complete', 'bill', '--by', '=')).out).toBe('tenant\nnamespace\nqueue\nworkload\n:4\n');
    expect((await ran('__complete', '--output', '=', 'json', 'bill', '-o', 'y')).out).toBe('yaml\n:4\n');
    expect((await ran('__complete', '=')).out).toBe(':4\n');
    expect((await ran('__complete', 'bill', '--nothing=')).out).toBe(':4\n');
  });

  it('has a script for both shells that asks the plugin itself', async () => {
    for (const shell of ['bash', 'zsh']) {
      const { code, out } = await ran('completion', shell);
      expect(code).toBe(0);
      expect(out).toContain('kubectl-aidc __complete');
    }
  });
});

it('there is colour only on a terminal that wants it', () => {
  const paint = (isTerminal: boolean, env: NodeJS.ProcessEnv, flags = {}) =>
    paintFor({ flags, io: { isTerminal, env, out: () => {}, note: () => {}, now: () => 0 } });
  expect(paint(true, {})).toBe(coloured);
  expect(paint(false, { FORCE_COLOR: '1' })).toBe(plain);
  expect(paint(true, { NO_COLOR: '1' })).toBe(plain);
  expect(paint(true, { TERM: 'dumb' })).toBe(plain);
  expect(paint(true, {}, { 'no-color': true })).toBe(plain);
});
