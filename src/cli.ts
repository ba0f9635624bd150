#!/usr/bin/env node
import { flagsHelp, parse } from './cli/args.ts';
import { bill } from './cli/bill.ts';
import { complete, completion, lineOf } from './cli/completion.ts';
import { EXIT, told, usageError } from './cli/errors.ts';
import { Hub } from './cli/hub.ts';
import { queue } from './cli/queue.ts';
import { regions } from './cli/regions.ts';
import type { Command, Io, Session } from './cli/session.ts';
import { resume, suspend } from './cli/suspend.ts';
import { top } from './cli/top.ts';
import { why } from './cli/why.ts';

export const COMMANDS: readonly Command[] = [why, queue, top, regions, bill, suspend, resume, completion];

/** Runs one command of `kubectl aidc`. @returns the exit code */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const hubs: Hub[] = [];
  try {
    await dispatch(argv, io, hubs);
    return EXIT.ok;
  } catch (error) {
    const { code, message } = told(error);
    io.note(`kubectl aidc: ${message}\n`);
    return code;
  } finally {
    await Promise.all(hubs.map((hub) => hub.close()));
  }
}

async function dispatch(argv: readonly string[], io: Io, hubs: Hub[]): Promise<void> {
  const session = (args: readonly string[], flags: Session['flags']): Session => ({
    args,
    flags,
    io,
    connect: (settings) => {
      const hub = new Hub(flags, io.env, settings);
      hubs.push(hub);
      return hub;
    },
  });
  if (argv[0] === '__complete') {
    const line = lineOf(argv.slice(1));
    return complete(line, COMMANDS, session([], connectionOf(line.words)));
  }
  const { positionals, flags } = parse(argv);
  const [name, ...args] = positionals;
  if (name === undefined || name === 'help') {
    if (name === undefined && flags.help !== true) throw usageError(`say what to do.\n\n${overview()}`);
    return io.out(overview());
  }
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) {
    throw usageError(`there is no command ${name}: it must be ${COMMANDS.map((one) => one.name).join(', ')}.`);
  }
  if (flags.help === true) return io.out(helpOf(command));
  const foreign = Object.keys(flags).find((flag) => !(command.flags as readonly string[]).includes(flag));
  if (foreign !== undefined) throw usageError(`${name} has no flag --${foreign}; see kubectl aidc ${name} --help.`);
  const [min, max] = command.count;
  if (args.length < min || args.length > max) throw usageError(`usage: kubectl aidc ${name} ${command.args}`);
  await command.run(session(args, flags));
}

/** Flags of a line that is still being typed; half a flag is none. */
function connectionOf(words: readonly string[]): Session['flags'] {
  try {
    return parse(words.slice(0, -1)).flags;
  } catch {
    return {};
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 3;
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  return `usage: kubectl aidc COMMAND [FLAG ...]

${lines.join('\n')}

kubectl aidc COMMAND --help tells the arguments and flags of a command.
${EXIT_CODES}`;
}

const helpOf = ({ name, args, summary, details, flags }: Command): string =>
  `usage: ${`kubectl aidc ${name} ${args}`.trim()} [FLAG ...]

${summary.charAt(0).toUpperCase()}${summary.slice(1)}.
${details === undefined ? '' : `\n${details}\n`}
${flagsHelp(flags)}
${EXIT_CODES}`;

const EXIT_CODES = `
Exit codes: ${EXIT.ok} done, ${EXIT.failed} it failed, ${EXIT.usage} wrong usage or kubeconfig, ${EXIT.unreachable} the hub does not answer,
${EXIT.notFound} no such object, ${EXIT.notAllowed} not allowed.
`;

if (import.meta.main) {
  // A reader that has seen enough (head, less) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  process.exitCode = await main(process.argv.slice(2), {
    out: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    isTerminal: process.stdout.isTTY === true,
    env: process.env,
    now: Date.now,
  });
}
