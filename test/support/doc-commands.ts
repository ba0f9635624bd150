/** What a page of the documentation tells its reader to do, in order. */
export type Step =
  | { readonly kind: 'file'; readonly line: number; readonly name: string; readonly text: string }
  | { readonly kind: 'run'; readonly line: number; readonly command: string; readonly output: readonly string[] };

/** A block that no test runs, and the page's reason. */
export interface NotRun {
  readonly line: number;
  readonly why: string;
}

export interface Commands {
  readonly steps: readonly Step[];
  readonly notRun: readonly NotRun[];
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;
const MARK = /<!-- not run: ([^>]+) -->\s*$/;
const SAVE = /save this as `([\w.-]+)`:\s*$/i;

/**
 * Blocks `sh` are commands. Blocks `console` are commands after `$ `, each followed by what it prints. A block after
 * "save this as `x.yaml`:" is a file. A block after a comment `<!-- not run: why -->` is left out.
 */
export function commandsOf(text: string): Commands {
  const steps: Step[] = [];
  const notRun: NotRun[] = [];
  for (const match of text.matchAll(FENCE)) {
    const [, language = '', body = ''] = match;
    const before = text.slice(0, match.index);
    const line = before.split('\n').length;
    const file = SAVE.exec(before)?.[1];
    if (file !== undefined) steps.push({ kind: 'file', line, name: file, text: body });
    if (language !== 'sh' && language !== 'console') continue;
    const why = MARK.exec(before)?.[1];
    if (why !== undefined) notRun.push({ line, why });
    else if (language === 'sh') steps.push({ kind: 'run', line, command: body, output: [] });
    else steps.push(...consoleSteps(body, line));
  }
  return { steps, notRun };
}

function consoleSteps(body: string, line: number): Step[] {
  return body
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...output] = part.trimEnd().split('\n');
      return { kind: 'run', line, command, output };
    });
}

/**
 * Lines of the page that a command's output does not bear out. Two texts agree where the words of the page's line stand in
 * one line of the output, in order; words with a figure differ from run to run and are not compared, nor is `...`.
 */
export function missingLines(expected: readonly string[], output: string): string[] {
  const lines = output.split('\n').map(wordsOf);
  return expected.filter((line) => {
    const wanted = wordsOf(line).filter((word) => !/\d/.test(word) && word !== '...');
    return wanted.length > 0 && !lines.some((said) => containsInOrder(said, wanted));
  });
}

const wordsOf = (line: string): string[] => line.split(/\s+/).filter((word) => word !== '');

function containsInOrder(said: readonly string[], wanted: readonly string[]): boolean {
  let next = 0;
  for (const word of said) if (word === wanted[next]) next += 1;
  return next === wanted.length;
}
