import { LABEL } from './group.ts';

/** A run (an attempt of a training, a replica of a serving) by its workload's uid and its attempt. */
export const runKey = (uid: string, attempt: number | string): string => `${uid}/${attempt}`;

/** uid of the workload of a run. */
export const uidOf = (run: string): string => run.slice(0, run.lastIndexOf('/'));

/** The run that a pod of a member belongs to, by its labels; undefined: it is none of ours. */
export function runOfLabels(labels: Readonly<Record<string, string>>): string | undefined {
  const { [LABEL.workloadUid]: uid, [LABEL.attempt]: attempt } = labels;
  return uid === undefined || attempt === undefined ? undefined : runKey(uid, attempt);
}
