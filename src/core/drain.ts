/** Queues that hold more than they may, because their quota was lowered, and who gives it back. */
import type { Running, Victim } from './model.ts';
import { lossOf } from './preemption.ts';
import type { QuotaExcess } from './quota.ts';
import type { Room } from './room.ts';

/**
 * Whom to stop so that the queue, with those below it, is back at what it may use: those of leaves that borrow first,
 * then the lowest priority, then what loses least. Nobody more than is needed; whoever may not be stopped stays.
 */
export function drain(excess: QuotaExcess, room: Room): Victim[] {
  const leaves = new Set(room.quota.subtree(excess.queue));
  const uses = (running: Running): number =>
    running.charges.find(({ accelerator, region }) => accelerator === excess.accelerator && region === excess.region)
      ?.milliGpus ?? 0;
  const below = room.running.filter((running) => leaves.has(running.queue) && uses(running) > 0);
  // What is ending already is as good as given back.
  let over = excess.milliGpus;
  for (const running of below) if (running.ending || room.victims.has(running.key)) over -= uses(running);
  const candidates = below
    .filter((running) => running.preemptible && !running.ending && !room.victims.has(running.key))
    .map((running) => ({ running, loss: lossOf(running, room.now), borrows: borrows(running, excess, room) }))
    .sort(
      (a, b) =>
        Number(b.borrows) - Number(a.borrows) ||
        a.running.priority - b.running.priority ||
        a.loss - b.loss ||
        b.running.admittedAt - a.running.admittedAt ||
        (a.running.key < b.running.key ? -1 : 1),
    );
  const taken: typeof candidates = [];
  for (const candidate of candidates) {
    if (over <= 0) break;
    taken.push(candidate);
    over -= uses(candidate.running);
  }
  const needed = [...taken]
    .sort((a, b) => b.loss - a.loss)
    .filter(({ running }) => {
      if (over + uses(running) > 0) return true;
      over += uses(running);
      return false;
    });
  return needed.map(({ running, loss }) => {
    const { key, namespace, name, kind, queue, priority } = running;
    return { key, namespace, name, kind, queue, priority, lostMilliGpuHours: loss };
  });
}

const borrows = ({ queue, charges }: Running, excess: QuotaExcess, room: Room): boolean =>
  queue !== excess.queue && room.quota.isBorrowing(queue, excess.queue, charges);
