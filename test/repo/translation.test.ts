import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const [english, chinese] = await Promise.all(['README.md', 'README.zh-CN.md'].map(read));

/** What a translation has in common with its original, section by section. */
interface Section {
  readonly level: number;
  readonly fences: readonly string[];
  readonly rows: number;
  readonly links: readonly string[];
  readonly code: readonly string[];
}

const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? match[0]);

function sectionsOf(text: string): Section[] {
  const fences = matches(text, /^```[\s\S]*?^```$/gm);
  // A comment of a program is no heading.
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, () => `§${fences.length}`);
  let next = 0;
  return prose.split(/^(?=#)/m).map((part) => {
    const count = matches(part, /^§\d+$/gm).length;
    next += count;
    return {
      level: /^#+/.exec(part)?.[0].length ?? 0,
      fences: fences.slice(next - count, next),
      rows: matches(part, /^\|/gm).length,
      links: matches(part, /\]\(([^)]+)\)/g).filter((link) => !/^README/.test(link)),
      code: matches(part, /`([^`\n]+)`/g).sort(),
    };
  });
}

describe('README.zh-CN.md', () => {
  it('has the sections of README.md, with the same commands, links, rows and names', () => {
    expect(sectionsOf(chinese ?? '')).toEqual(sectionsOf(english ?? ''));
    expect(sectionsOf(english ?? '').length).toBeGreaterThan(8);
  });

  it('is in Chinese, and each leads to the other', () => {
    const prose = (chinese ?? '').replaceAll(/^```[\s\S]*?^```$/gm, '');
    expect(matches(prose, /[\u4e00-\u9fff]/g).length).toBeGreaterThan(1000);
    expect(english).toContain('](README.zh-CN.md)');
    expect(chinese).toContain('](README.md)');
  });
});

// A check that never bites proves nothing.
describe('the comparison of sections', () => {
  const text = '# A\n\nSay `x` [l](a.md).\n\n```sh\nrun\n```\n\n| a |\n|---|\n| b |\n\n## B\n';

  it.each([
    ['a section', text.replace('## B\n', '')],
    ['a level', text.replace('## B', '# B')],
    ['a command', text.replace('run', 'walk')],
    ['a row', text.replace('| b |\n', '')],
    ['a link', text.replace('a.md', 'b.md')],
    ['a name', text.replace('`x`', '`y`')],
  ])('finds another %s', (_what, other) => {
    expect(sectionsOf(other)).not.toEqual(sectionsOf(text));
  });

  it('lets words differ', () => {
    expect(sectionsOf(text.replace('Say', '说'))).toEqual(sectionsOf(text));
  });
});
