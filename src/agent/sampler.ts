import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { type ChildEnd, type ChildOptions, runChild } from './child.ts';

/** Why there is no new sample. `parse`: what was printed is no document. `busy`: an nvidia-smi hangs in the driver. */
export const SAMPLE_PROBLEMS = ['timeout', 'exit', 'parse', 'spawn', 'busy'] as const;
export type SampleProblem = (typeof SAMPLE_PROBLEMS)[number];

export interface SamplerOptions {
  /** Name or path of nvidia-smi. */
  readonly command: string;
  readonly intervalSeconds: number;
  readonly maxDocumentBytes: number;
  readonly clock: Clock;
  readonly random?: () => number;
  /** How long nvidia-smi may stay silent beyond its interval (default 10 000). */
  readonly deadlineMs?: number;
  /** How long it may take to follow SIGTERM (default 5 000). */
  readonly graceMs?: number;
  /** `periodMs`: how far apart documents are at present. */
  readonly onDocument: (document: Buffer, periodMs: number) => void;
  /** `message` is a sentence. */
  readonly onProblem: (problem: SampleProblem, message: string) => void;
  /** One that was to print documents has ended. `message` is a sentence where it printed some, which is no problem. */
  readonly onExit: (exitCode: number | null, message: string | undefined) => void;
  /** What `nvidia-smi -L` printed. */
  readonly onList: (text: string) => void;
}

/** How one call of nvidia-smi ended. */
export interface CallEnd {
  /** All of its output. */
  readonly text: string;
  /** undefined: it ended well. */
  readonly problem: readonly [SampleProblem, string] | undefined;
}

interface Call {
  readonly args: readonly string[];
  readonly resolve: (end: CallEnd | undefined) => void;
}

/** So many streams without a document, and single calls take their place. */
const FRUITLESS_STREAMS = 2;
/** So many single calls, and a stream is tried again. */
const CALLS_BEFORE_STREAM = 20;
/** Each single call starts the driver's tools anew, so they are further apart. */
const CALL_PERIOD_SECONDS = 15;
const MAX_PAUSE_MS = 60_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * Keeps nvidia-smi running: one that prints a document each interval, and where that does not work one call after the
 * other. There is never more than one at a time. Whatever goes wrong is reported and tried again.
 */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #backoff: Backoff;
  #fruitlessStreams = 0;
  #calls = 0;
  readonly #waiting: Call[] = [];
  #interrupt = new AbortController();

  constructor(options: SamplerOptions) {
    this.#options = options;
    const intervalMs = options.intervalSeconds * 1000;
    const pauses = { baseMs: 2 * intervalMs, minMs: intervalMs, maxMs: Math.max(MAX_PAUSE_MS, intervalMs) };
    this.#backoff = new Backoff(pauses, options.random);
  }

  /** Asks for `nvidia-smi -L`. */
  list(): void {
    const { onList, onProblem } = this.#options;
    void this.call(['-L']).then((end) => {
      if (end === undefined) return;
      // A lost board makes it fail, and the others are told all the same: then it is no failure.
      onList(end.text);
      if (end.problem !== undefined && end.text === '') onProblem(...end.problem);
    });
  }

  /** Runs nvidia-smi once, for which the present run makes room. @returns undefined: the sampler ended first */
  call(args: readonly string[]): Promise<CallEnd | undefined> {
    const { promise, resolve } = Promise.withResolvers<CallEnd | undefined>();
    this.#waiting.push({ args, resolve });
    this.#interrupt.abort();
    return promise;
  }

  /** Runs until the signal aborts; then no child is left, or only one that nothing can end. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#sample(signal);
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }

  async #sample(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#interrupt = new AbortController();
      const call = this.#waiting.shift();
      if (call !== undefined) {
        const end = await this.callAlone(call.args, signal);
        call.resolve(signal.aborted ? undefined : end);
        continue;
      }
      const isStream = this.#fruitlessStreams < FRUITLESS_STREAMS || this.#calls >= CALLS_BEFORE_STREAM;
      const end = await this.#runOnce(isStream, signal);
      if (signal.aborted) return;
      if (this.#interrupt.signal.aborted) continue;
      const problem = problemOf(end, this.#options.command);
      this.#remember(isStream, end.documents > 0);
      // With a lost board it ends with an error after all the documents that there are to print.
      const isFine = end.cause === 'exit' && end.documents > 0;
      this.#options.onExit(end.exitCode, isFine ? problem[1] : undefined);
      if (!isFine) this.#options.onProblem(...problem);
      if (end.documents > 0) this.#backoff.reset();
      const pauseMs = isFine && !isStream ? this.#callPeriodMs : this.#backoff.next();
      await this.#options.clock.sleep(pauseMs, signal);
    }
  }

  get #callPeriodMs(): number {
    return Math.max(CALL_PERIOD_SECONDS, this.#options.intervalSeconds) * 1000;
  }

  #remember(isStream: boolean, hasDocuments: boolean): void {
    if (isStream) {
      this.#fruitlessStreams = hasDocuments ? 0 : this.#fruitlessStreams + 1;
      this.#calls = 0;
    } else this.#calls += 1;
  }

  #runOnce(isStream: boolean, signal: AbortSignal): Promise<ChildEnd> {
    const { command, intervalSeconds, maxDocumentBytes, onDocument, onProblem } = this.#options;
    const periodMs = isStream ? intervalSeconds * 1000 : this.#callPeriodMs;
    return this.#child(['-q', '-x', ...(isStream ? ['-l', String(intervalSeconds)] : [])], signal, {
      interrupt: this.#interrupt.signal,
      silentMs: isStream ? periodMs : 0,
      onDocument: (document) => {
        if (document !== null) onDocument(document, periodMs);
        else onProblem('parse', `A document of ${command} is larger than ${maxDocumentBytes} bytes.`);
      },
    });
  }

  /** Runs nvidia-smi once; only while the sampler itself runs none. */
  async callAlone(args: readonly string[], signal: AbortSignal): Promise<CallEnd> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onOutput = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= MAX_OUTPUT_BYTES) chunks.push(chunk);
    };
    // A call that waits does not end the one before it.
    const { signal: interrupt } = new AbortController();
    const end = await this.#child(args, signal, { silentMs: 0, onDocument: () => {}, onOutput, interrupt });
    const isFine = end.cause === 'exit' && end.exitCode === 0;
    const problem = isFine ? undefined : problemOf(end, [this.#options.command, ...args].join(' '));
    return { text: Buffer.concat(chunks).toString('utf8'), problem };
  }

  #child(
    args: readonly string[],
    signal: AbortSignal,
    { silentMs, ...more }: Pick<ChildOptions, 'onDocument' | 'onOutput' | 'interrupt'> & { readonly silentMs: number },
  ): Promise<ChildEnd> {
    const { command, maxDocumentBytes, clock, onProblem, deadlineMs = 10_000, graceMs = 5_000 } = this.#options;
    return runChild({
      command,
      args,
      maxDocumentBytes,
      deadlineMs: deadlineMs + silentMs,
      graceMs,
      clock,
      signal,
      onStuck: () => onProblem('busy', `${command} was killed and is still there: it hangs in the driver.`),
      ...more,
    });
  }
}

function problemOf({ cause, documents, exitCode, said }: ChildEnd, command: string): [SampleProblem, string] {
  const quote = said === '' ? '' : ` It said ${JSON.stringify(said)}.`;
  if (cause === 'spawn') return ['spawn', `${command} cannot be started: ${said}.`];
  if (cause === 'timeout') return ['timeout', `${command} printed no document in time.${quote}`];
  if (exitCode === 0 && documents === 0) return ['parse', `${command} ended without a document.${quote}`];
  const how = exitCode === null ? 'was ended by a signal' : `ended with code ${exitCode}`;
  return ['exit', `${command} ${how} after ${documents} documents.${quote}`];
}
