import { FLAGS, type FlagName, OUTPUTS } from './args.ts';
import { BILL_KEYS } from './bill.ts';
import { usageError } from './errors.ts';
import { QUEUES, SUBJECTS, type Subject } from './kinds.ts';
import type { Command, Session } from './session.ts';

const BASH = `# bash completion of kubectl-aidc; load it with: source <(kubectl-aidc completion bash)
_kubectl_aidc() {
  local candidate
  COMPREPLY=()
  while IFS='' read -r candidate; do
    COMPREPLY+=("$candidate")
  done < <(kubectl-aidc __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:' | cut -f1)
}
complete -F _kubectl_aidc kubectl-aidc
`;

const ZSH = `#compdef kubectl-aidc
# zsh completion of kubectl-aidc; load it with: source <(kubectl-aidc completion zsh)
_kubectl_aidc() {
  local -a candidates
  candidates=(\${(f)"$(kubectl-aidc __complete "\${(@)words[2,CURRENT]}" 2>/dev/null | grep -v '^:' | cut -f1)"})
  compadd -a candidates
}
if [ "$funcstack[1]" = "_kubectl_aidc" ]; then _kubectl_aidc; else compdef _kubectl_aidc kubectl-aidc; fi
`;

const SHELLS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH };

export const completion: Command = {
  name: 'completion',
  args: 'bash | zsh',
  count: [1, 1],
  summary: 'a script that completes commands, flags and names',
  flags: ['help'],
  run: async ({ args, io }) => {
    const script = SHELLS[args[0] ?? ''];
    if (script === undefined) throw usageError(`there is no completion for ${args[0]}: it must be bash or zsh.`);
    io.out(script);
  },
};

/** Answers a key press: nobody waits long for it. */
const QUICK = { timeoutMs: 2_000, maxRetries: 0 };
/** kubectl asks its plugins in the protocol of cobra; this ends an answer and says that no file name is wanted. */
const NO_FILES = ':4\n';

export interface Line {
  /** The last one is still being typed. */
  readonly words: readonly string[];
  /** How much of the last word the shell does not want to see again. */
  readonly kept: number;
}

/** What was typed. bash takes `--by=te` for three words, and completes the last of them. */
export function lineOf(given: readonly string[]): Line {
  const words: string[] = [];
  let kept = 0;
  for (const [i, word] of given.entries()) {
    const isPart = words.length > 0 && (word === '=' || given[i - 1] === '=');
    const begun = isPart ? words.pop() : '';
    words.push(`${begun}${word}`);
    kept = isPart ? `${begun}${word === '=' ? '=' : ''}`.length : 0;
  }
  return { words, kept };
}

/**
 * Candidates for the last word of a line, in the form that kubectl expects of `kubectl_complete-aidc`: a line each,
 * then a directive. Names come from the hub; where it cannot be asked there are none.
 */
export async function complete({ words, kept }: Line, commands: readonly Command[], session: Session): Promise<void> {
  const typed = words.at(-1) ?? '';
  const candidates = await candidatesFor(words.slice(0, -1), typed, commands, session).catch(() => []);
  const fitting = candidates.filter((candidate) => candidate.startsWith(typed));
  session.io.out(fitting.map((candidate) => `${candidate.slice(kept)}\n`).join('') + NO_FILES);
}

async function candidatesFor(
  before: readonly string[],
  typed: string,
  commands: readonly Command[],
  session: Session,
): Promise<readonly string[]> {
  const command = commands.find(({ name }) => before.includes(name));
  const values = valuesAfter(before.at(-1));
  if (values !== undefined) return values;
  const [, flag] = /^(--[a-z-]+)=/.exec(typed) ?? [];
  if (flag !== undefined) return (valuesAfter(flag) ?? []).map((value) => `${flag}=${value}`);
  if (typed.startsWith('-')) return (command?.flags ?? []).map((name) => `--${name}`);
  if (command === undefined) return commands.map(({ name }) => name);
  switch (command.name) {
    case 'completion':
      return Object.keys(SHELLS);
    case 'queue':
      return (await session.connect(QUICK).list(QUEUES)).map(({ metadata }) => metadata.name);
    case 'why':
      return names(session, ['training', 'serving', 'quote']);
    case 'suspend':
    case 'resume':
      return names(session, ['training', 'serving']);
    default:
      return [];
  }
}

/** What may stand after this word, if it is a flag that takes a value. */
function valuesAfter(word: string | undefined): readonly string[] | undefined {
  const found = (Object.keys(FLAGS) as FlagName[]).find((name) => {
    const flag = FLAGS[name];
    return flag.type === 'string' && (word === `--${name}` || ('short' in flag && word === `-${flag.short}`));
  });
  if (found === undefined) return undefined;
  return found === 'output' ? OUTPUTS : found === 'by' ? BILL_KEYS : [];
}

async function names(session: Session, subjects: readonly Subject[]): Promise<string[]> {
  const hub = session.connect(QUICK);
  const lists = await Promise.all(subjects.map((subject) => hub.list(SUBJECTS[subject].resource)));
  return lists.flatMap((items, i) => items.map(({ metadata }) => `${subjects[i]}/${metadata.name}`));
}
