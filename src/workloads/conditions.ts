import type { Condition, ConditionType } from '../api/index.ts';

export interface ConditionValue {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export const findCondition = (conditions: readonly Condition[] | undefined, type: ConditionType) =>
  conditions?.find((condition) => condition.type === type);

export const isTrue = (conditions: readonly Condition[] | undefined, type: ConditionType): boolean =>
  findCondition(conditions, type)?.status === 'True';

/**
 * The list with these values set. The time moves only when the status does; the message is rewritten only when
 * status, reason or generation changes, so that numbers in it do not cause a write each time they move.
 */
export function withConditions(
  old: readonly Condition[] | undefined,
  values: readonly ConditionValue[],
  generation: number,
  now: string,
): Condition[] {
  const result = new Map((old ?? []).map((condition) => [condition.type, condition]));
  for (const value of values) {
    const before = result.get(value.type);
    const sameStatus = before?.status === value.status;
    const same = sameStatus && before.reason === value.reason && before.observedGeneration === generation;
    result.set(value.type, {
      type: value.type,
      status: value.status,
      reason: value.reason,
      message: same ? before.message : value.message,
      lastTransitionTime: sameStatus ? before.lastTransitionTime : now,
      observedGeneration: generation,
    });
  }
  return [...result.values()];
}
