import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { LedgerState } from './ledger.ts';

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
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { version: _, ...state } = schema.parse(JSON.parse(text));
    return state;
  } catch (cause) {
    const aside = `${file}.damaged`;
    await rename(file, aside);
    throw new StateFileError(`${file} holds no state of this version and is kept as ${aside}.`, { cause });
  }
}

/** Replaces the file; after a power cut there is the old or the new one, never a part. */
export async function saveState(file: string, state: AgentState): Promise<void> {
  const next = `${file}.new`;
  const handle = await open(next, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify({ version: VERSION, ...state }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
}

/** Linux gives each run of the machine an id. */
export async function bootId(): Promise<string | null> {
  return readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => null,
  );
}
