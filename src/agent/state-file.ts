import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { LedgerState } from './ledger.ts';
import type { CapRecord } from './power-caps.ts';

/** What a restart must not lose. */
export interface AgentState {
  /** Changes when counters and sequence numbers begin anew. */
  readonly series: string;
  /** Tells one run of the machine, and so of its monotonic clock, from another; null: not known. */
  readonly bootId: string | null;
  readonly ledger: LedgerState;
}

const VERSION = 1;
const amount = z.number().nonnegative();
const amounts = { joules: amount, gpuSeconds: amount, gapSeconds: amount };
const pod = z.object({ uid: z.string(), namespace: z.string(), name: z.string(), run: z.string().optional() });
const shares = z.array(z.object({ pod, share: z.number().positive().max(1.000001) }));
const entries = z.array(z.object({ pod, gpu: z.string(), ...amounts }));
const bucket = { startMs: z.number(), entries };
const schema = z.object({
  version: z.literal(VERSION),
  series: z.uuid(),
  bootId: z.string().nullable(),
  ledger: z.object({
    gpus: z.array(
      z.object({
        uuid: z.string(),
        ...amounts,
        last: z.object({ atMs: z.number(), watts: amount.nullable() }),
        shares,
        changes: z.array(z.object({ atMs: z.number(), shares })),
      }),
    ),
    totals: entries,
    buckets: z.object({
      nextSequence: z.int().positive(),
      open: z.array(z.object(bucket)),
      closed: z.array(z.object({ sequence: z.int().positive(), ...bucket })),
    }),
    holders: z.array(z.object({ uuid: z.string(), shares })),
    holdersAtMs: z.number().nullable(),
  }),
});

/** A state file that holds no state; it was put aside, and its name is in the message. */
export class StateFileError extends Error {
  override readonly name = 'StateFileError';
}

export const newSeries = (): string => randomUUID();

/** @returns undefined where there is no file yet. @throws StateFileError where it is damaged */
export async function loadState(file: string): Promise<AgentState | undefined> {
  const loaded = await loadFile(file, schema);
  if (loaded === undefined) return undefined;
  const { version: _, ...state } = loaded;
  return state;
}

async function loadFile<T>(file: string, content: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return content.parse(JSON.parse(text));
  } catch (cause) {
    const aside = `${file}.damaged`;
    await rename(file, aside);
    throw new StateFileError(`${file} holds no state of this version and is kept as ${aside}.`, { cause });
  }
}

/** Replaces the file; after a power cut there is the old or the new one, never a part. */
export const saveState = (file: string, state: AgentState): Promise<void> =>
  replaceFile(file, JSON.stringify({ version: VERSION, ...state }));

async function replaceFile(file: string, text: string): Promise<void> {
  const next = `${file}.new`;
  const handle = await open(next, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
}

const capsSchema = z.object({
  version: z.literal(VERSION),
  caps: z.array(z.object({ uuid: z.string(), pod: z.string(), watts: amount, beforeWatts: amount })),
});

/** Boards with a power cap, in a file of their own beside the state: it must be there before a board is touched. */
export class CapsFile {
  readonly #file: string;
  /** Saves wait for each other. */
  #saving: Promise<void> = Promise.resolve();

  constructor(stateFile: string) {
    this.#file = `${stateFile}.caps`;
  }

  /** @returns none where there is no file. @throws StateFileError where it is damaged */
  async load(): Promise<readonly CapRecord[]> {
    return (await loadFile(this.#file, capsSchema))?.caps ?? [];
  }

  save(caps: readonly CapRecord[]): Promise<void> {
    const saved = this.#saving.then(() => replaceFile(this.#file, JSON.stringify({ version: VERSION, caps })));
    this.#saving = saved.catch(() => {});
    return saved;
  }
}

/** Linux gives each run of the machine an id. */
export async function bootId(): Promise<string | null> {
  return readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => null,
  );
}
