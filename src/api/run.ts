import { ANNOTATION, LABEL } from './group.ts';

/** A run (an attempt of a training, a replica of a serving) by its workload's uid and its attempt. */
export const runKey = (uid: string, attempt: number | string): string => `${uid}/${attempt}`;

/** uid of the workload of a run. */
export const uidOf = (run: string): string => run.slice(0, run.lastIndexOf('/'));

/** The run that a pod of a member belongs to, by its labels; undefined: it is none of ours. */
export function runOfLabels(labels: Readonly<Record<string, string>>): string | undefined {
  const { [LABEL.workloadUid]: uid, [LABEL.attempt]: attempt } = labels;
  return uid === undefined || attempt === undefined ? undefined : runKey(uid, attempt);
}

/** What a program says on its pod of its last checkpoint, in ms: when it was complete by the member's clock, and how long it took. */
export interface Checkpoint {
  readonly atMs: number;
  /** 0: it does not say. */
  readonly tookMs: number;
}

const SECONDS = /^\d{1,9}(\.\d+)?$/;

/** undefined: it says nothing that can be read. */
export function checkpointOf(annotations: Readonly<Record<string, string>>): Checkpoint | undefined {
  const atMs = Date.parse(annotations[ANNOTATION.lastCheckpoint] ?? '');
  const took = annotations[ANNOTATION.lastCheckpointSeconds] ?? '';
  return Number.isFinite(atMs) ? { atMs, tookMs: SECONDS.test(took) ? Math.round(Number(took) * 1000) : 0 } : undefined;
}

/** What a program says on its pod of its progress; each part where it says it. */
export interface Progress {
  /** 0 to 100, maybe with decimals. */
  readonly percent?: number;
  /** Running time that it needs yet, in whole seconds. */
  readonly remainingSeconds?: number;
}

const PERCENT = /^(\d{1,2}(\.\d{1,9})?|100(\.0{1,9})?)$/;

/** undefined: it says nothing that can be read. */
export function progressOf(annotations: Readonly<Record<string, string>>): Progress | undefined {
  const { [ANNOTATION.progress]: percent = '', [ANNOTATION.remainingSeconds]: remaining = '' } = annotations;
  const told = {
    ...(PERCENT.test(percent) ? { percent: Number(percent) } : {}),
    ...(SECONDS.test(remaining) ? { remainingSeconds: Math.ceil(Number(remaining)) } : {}),
  };
  return Object.keys(told).length === 0 ? undefined : told;
}
