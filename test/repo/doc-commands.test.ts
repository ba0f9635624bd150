import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsOf, missingLines } from '../support/doc-commands.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const below = async (folder: string): Promise<string[]> =>
  (await readdir(join(root, folder), { recursive: true }))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
const pages = ['README.md', 'README.zh-CN.md', 'SECURITY.md', ...(await below('docs'))].sort();
/** Pages that test/integration/docs.test.ts follows from top to bottom. */
const followed = (path: string): boolean =>
  ['README.md', 'docs/quick-start.md'].includes(path) ||
  (path.startsWith('docs/tutorials/') && path !== 'docs/tutorials/README.md');

describe('the commands of the documentation', () => {
  it('are all run by a test, or say why not', async () => {
    const tests = await Promise.all(
      ['chart', 'rights', 'secure'].map((name) => read(`test/integration/${name}.test.ts`)),
    );
    const forgotten: string[] = [];
    for (const path of pages) {
      if (followed(path) || path === 'README.zh-CN.md') continue;
      for (const step of commandsOf(await read(path)).steps) {
        if (step.kind === 'file') continue;
        // Blocks of docs/install.md are run by their title.
        const title = /^# (.+)\n/.exec(step.command)?.[1];
        const isRun = path === 'docs/install.md' && tests.some((text) => text.includes(`.documented('${title}'`));
        if (!isRun) forgotten.push(`${path}:${step.line}: ${step.command.split('\n')[0]}`);
      }
    }
    expect(forgotten).toEqual([]);
  });

  it('come with lines of manifests that are in the sample they name', async () => {
    for (const path of pages.filter((one) => one.startsWith('docs/tutorials/') && followed(one))) {
      const text = await read(path);
      const [, sample = ''] = /\]\(([^)]*deploy\/samples\/[^)]+)\)/.exec(text) ?? [];
      const lines = (await read(join(dirname(path), sample))).split('\n').map((line) => line.trim());
      const excerpts = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].flatMap(([, body = '']) =>
        body.trim().split('\n'),
      );
      expect(excerpts.length, path).toBeGreaterThan(0);
      expect(
        excerpts.map((line) => line.trim()).filter((line) => !lines.includes(line)),
        path,
      ).toEqual([]);
    }
  });

  it('have every tutorial in the index', async () => {
    const index = await read('docs/tutorials/README.md');
    for (const path of pages.filter((one) => one.startsWith('docs/tutorials/') && followed(one))) {
      expect(index).toContain(`](${path.slice('docs/tutorials/'.length)})`);
    }
  });
});

const fence = (language: string, body: string): string => `\`\`\`${language}\n${body}\n\`\`\`\n`;

describe('commandsOf', () => {
  it('has the commands and files of a page, in order', () => {
    const page = [
      `Save this as \`a.yaml\`:\n\n${fence('yaml', 'a: 1')}`,
      fence('sh', 'one\ntwo'),
      fence('console', '$ three\nsays this\n$ four'),
      fence('ts', 'const x = 1;'),
    ].join('\n');
    expect(commandsOf(page).steps).toEqual([
      { kind: 'file', line: 3, name: 'a.yaml', text: 'a: 1\n' },
      { kind: 'run', line: 7, command: 'one\ntwo\n', output: [] },
      { kind: 'run', line: 12, command: 'three', output: ['says this'] },
      { kind: 'run', line: 12, command: 'four', output: [] },
    ]);
  });

  it('leaves out what is marked, and keeps why', () => {
    const { steps, notRun } = commandsOf(
      `<!-- not run: needs Docker -->\n\n${fence('sh', 'docker ps')}${fence('sh', 'ls')}`,
    );
    expect(notRun).toEqual([{ line: 3, why: 'needs Docker' }]);
    expect(steps).toHaveLength(1);
  });
});

describe('missingLines', () => {
  const output = 'NAME   PHASE     REGION   AGE\nchat   Running   guian    12s\n';

  it('compares words in order, and no figures', () => {
    expect(missingLines(['NAME PHASE REGION AGE', 'chat Running guian 3m', '...', ''], output)).toEqual([]);
  });

  it('finds another word, another order, and words of two lines', () => {
    const wrong = ['chat Queued guian', 'Running chat', 'NAME Running'];
    expect(missingLines(wrong, output)).toEqual(wrong);
  });
});
