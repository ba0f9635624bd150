import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Clock } from '../runtime/clock.ts';
import { DocumentStream } from './document-stream.ts';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly maxDocumentBytes: number;
  /** Longest time from the start, or from one document, to the next. */
  readonly deadlineMs: number;
  /** How long the child may take to follow SIGTERM before it is killed, and then to be gone. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Ends the child early; unlike `signal` it does not cut the wait for it. */
  readonly interrupt: AbortSignal;
  /** All that it prints on standard output. */
  readonly onOutput?: (chunk: Buffer) => void;
  /** A document, or null in the place of one that was too long. */
  readonly onDocument: (document: Buffer | null) => void;
  /** The child was killed and is still there: it hangs in the driver. Called again and again until it is gone. */
  readonly onStuck: () => void;
}

/** How a child ended. */
export interface ChildEnd {
  readonly documents: number;
  /** `spawn`: it did not start. `timeout`: it was ended because it was silent. */
  readonly cause: 'spawn' | 'timeout' | 'exit';
  /** null: it did not start, or a signal ended it. */
  readonly exitCode: number | null;
  /** What it said beside documents, one line. */
  readonly said: string;
}

const SAID_CHARS = 300;
/** After the end of a child its output may still be in the pipe, or be held open by a child of its own. */
const DRAIN_MS = 1_000;

/**
 * Runs nvidia-smi once. Resolves when the child is gone, and not before: while one hangs in the driver, where not even
 * SIGKILL reaches it, another one would hang, too. Only an abort does not wait longer than the grace.
 */
export async function runChild(options: ChildOptions): Promise<ChildEnd> {
  const { clock, signal, graceMs, deadlineMs } = options;
  const stream = new DocumentStream(options.maxDocumentBytes);
  const child = spawn(options.command, [...options.args], { stdio: 'pipe' });
  let documents = 0;
  let complaint = '';
  let cause: ChildEnd['cause'] = 'exit';
  const gone = Promise.withResolvers<void>();

  child.stdin.on('error', () => {});
  child.stdin.end();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, SAID_CHARS);
  });
  child.once('error', (error) => {
    // Also when a signal cannot be sent; then it did start, and will tell its end.
    if (child.pid !== undefined) return;
    cause = 'spawn';
    complaint = error.message;
    gone.resolve();
  });
  const ended = once(child, 'exit');
  const drained = once(child, 'close');
  void ended.then(() => Promise.race([drained, clock.sleep(DRAIN_MS)])).then(gone.resolve);

  const terminate = terminator(child, options, gone);
  const overdue = (): void => {
    cause = 'timeout';
    terminate();
  };
  let cancelDeadline = clock.setTimer(overdue, deadlineMs);
  child.stdout.on('data', (chunk: Buffer) => {
    options.onOutput?.(chunk);
    for (const document of stream.push(chunk)) {
      documents += 1;
      cancelDeadline();
      cancelDeadline = clock.setTimer(overdue, deadlineMs);
      options.onDocument(document);
    }
  });
  for (const end of [signal, options.interrupt]) {
    end.addEventListener('abort', terminate, { once: true });
    if (end.aborted) terminate();
  }

  await Promise.race([gone.promise, aborted(signal).then(() => clock.sleep(2 * graceMs))]);
  cancelDeadline();
  terminate.cancel();
  signal.removeEventListener('abort', terminate);
  child.stdout.destroy();
  const said = oneLine(complaint === '' ? stream.leftover : complaint);
  return { documents, cause, exitCode: child.exitCode, said };
}

/** Ends a child: asks, then kills, then tells that it is stuck until it is gone. */
function terminator(
  child: ChildProcessWithoutNullStreams,
  { clock, graceMs, onStuck }: ChildOptions,
  gone: PromiseWithResolvers<void>,
): (() => void) & { cancel: () => void } {
  let cancel = (): void => {};
  let isGone = false;
  void gone.promise.then(() => {
    isGone = true;
    cancel();
  });
  const stuck = (): void => {
    onStuck();
    cancel = clock.setTimer(stuck, graceMs);
  };
  const kill = (): void => {
    child.kill('SIGKILL');
    cancel = clock.setTimer(stuck, graceMs);
  };
  const terminate = (): void => {
    if (isGone || child.killed) return;
    child.kill('SIGTERM');
    cancel = clock.setTimer(kill, graceMs);
  };
  return Object.assign(terminate, { cancel: () => cancel() });
}

const once = (child: ChildProcessWithoutNullStreams, event: 'exit' | 'close'): Promise<void> =>
  new Promise((resolve) => child.once(event, () => resolve()));

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
