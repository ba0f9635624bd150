import { PENDING_REASON } from '../api/index.ts';
import type { Workload } from './model.ts';
import { type Answer, queueProblem } from './options.ts';
import type { Room } from './room.ts';

/** Why its queue, or one above, takes nothing new, whatever is free; undefined: it does. */
export const queueGate = (workload: Workload, room: Room): Answer | undefined =>
  queueProblem(workload, room) ?? heldByBudget(workload, room);

function heldByBudget({ queue }: Workload, room: Room): Answer | undefined {
  const sentence = room.budgetHold(queue);
  return sentence === undefined
    ? undefined
    : { reason: PENDING_REASON.BudgetExhausted, message: sentence, filtered: [] };
}
