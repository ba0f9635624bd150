import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { END_REASON, PENDING_REASON } from '../../src/api/index.ts';
import { END_ADVICE, PENDING_ADVICE } from '../../src/cli/advice.ts';
import { MEMBER_REASON, REGION_REASON } from '../../src/regions/reasons.ts';

const root = join(import.meta.dirname, '..', '..');
/** What the command line or the Kubernetes client say is no reason of a status. */
const ELSEWHERE = ['cli', 'kube', 'runtime', 'config', 'agent', 'nvidia-smi', 'api'];

/** Every literal that a program text gives as a reason. */
function reasonsIn(text: string): string[] {
  const word = "'([A-Z][A-Za-z]+)'";
  const given = [
    `reason: ${word}`,
    `\\bsay\\(\\s*'(?:True|False|Unknown)',\\s*${word}`,
    `\\bno\\(\\s*${word}`,
    `return \\[\\s*${word},\\s*[\`']`,
  ].flatMap((pattern) => [...text.matchAll(new RegExp(pattern, 'g'))].map((match) => match[1] ?? ''));
  const chosen = text
    .split('\n')
    .filter((line) => /^\s*(?:const reason =|reason:).* \? |\? '\w+' : reason\b/.test(line))
    .flatMap((line) => [...line.matchAll(new RegExp(`[?:] ${word}`, 'g'))].map((match) => match[1] ?? ''));
  return [...given, ...chosen];
}

async function reasonsOfSource(): Promise<Set<string>> {
  const entries = await readdir(join(root, 'src'), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /(?<!\.test|testing)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !ELSEWHERE.some((folder) => path.startsWith(join(root, 'src', folder))));
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  const sets = [PENDING_REASON, END_REASON, MEMBER_REASON, REGION_REASON].flatMap((set) => Object.values(set));
  return new Set([...sets, ...texts.flatMap(reasonsIn)]);
}

const page = await readFile(join(root, 'docs', 'troubleshooting.md'), 'utf8');

/** Reasons of a section's table, and what it says to do. */
function rowsOf(heading?: string): Map<string, string> {
  const text = heading === undefined ? page : (page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '');
  return new Map(
    [...text.matchAll(/^\| `([A-Z]\w+)` \| .+ \| (.+) \|$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );
}

describe('the page on troubleshooting', () => {
  it('has every reason that a status can have, and none besides', async () => {
    expect([...rowsOf().keys()].sort()).toEqual([...(await reasonsOfSource())].sort());
  });

  it('says of waiting and of ends what the command line says', () => {
    const waits = rowsOf('A workload waits');
    const ends = rowsOf('An attempt or replica has ended');
    for (const [reason, advice] of Object.entries(PENDING_ADVICE)) expect(waits.get(reason), reason).toBe(advice);
    for (const [reason, advice] of Object.entries(END_ADVICE)) expect(ends.get(reason), reason).toBe(advice);
  });
});

// A check that never bites proves nothing.
describe('the search for reasons', () => {
  it.each([
    ["return { type: X, reason: 'One', message };", ['One']],
    ["say('False', 'One', `x`)", ['One']],
    ["return no(\n      'One',\n", ['One']],
    ["return ['One', `it is so`];", ['One']],
    ["const reason = a > 0 ? 'One' : 'Two';", ['One', 'Two']],
    ["reason: lost ? 'One' : all ? 'Two' : 'Three',", ['One', 'Two', 'Three']],
    ["return a ? 'One' : reason;", ['One']],
    ["const phase = a ? 'One' : 'Two';", []],
  ])('reads %j', (text, expected) => {
    expect(reasonsIn(text)).toEqual(expected);
  });
});
