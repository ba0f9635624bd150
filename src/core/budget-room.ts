/**
 * Budgets with action Hold while decisions are made. What is admitted must fit beside what was used of the period and
 * what those that hold nodes are expected to use yet: each until it is expected to end, or the period does. Of what
 * nobody can tell an end, nothing is counted beforehand; it is admitted while anything is left.
 */
import { type BudgetState, countOf, MEASURES } from './budgets.ts';
import { iso } from './iso.ts';
import type { Use } from './use.ts';

export interface HeldBudget extends BudgetState {
  /** What those that hold nodes are expected to use yet in the period; in the unit of `used`. */
  readonly committed: number;
}

/** What one more would use until then, in ms; undefined: nobody can tell when it ends. */
export type UseUntil = ((toMs: number) => Use) | undefined;

/** Why a budget does not allow something; in the unit of `used`. */
export interface BudgetShort {
  readonly queue: string;
  readonly budget: HeldBudget;
  readonly asked: number | undefined;
  readonly left: number;
}

export class BudgetRoom {
  readonly #budgets: ReadonlyMap<string, readonly HeldBudget[]>;
  /** By those that were admitted meanwhile. */
  readonly #taken = new Map<HeldBudget, number>();

  constructor(budgets: ReadonlyMap<string, readonly HeldBudget[]>) {
    this.#budgets = budgets;
  }

  /** Whether any queue on the path has one. */
  binds(path: readonly string[]): boolean {
    return this.#budgets.size > 0 && path.some((queue) => this.#budgets.has(queue));
  }

  /** The nearest budget on the path that it does not fit into. */
  short(path: readonly string[], useUntil: UseUntil): BudgetShort | undefined {
    for (const [queue, budget] of this.#on(path)) {
      const left = budget.limit - budget.used - budget.committed - (this.#taken.get(budget) ?? 0);
      const asked = useUntil && countOf(budget.budget, useUntil(budget.period.endMs));
      if (left <= 0 || (asked ?? 0) > left) return { queue, budget, asked, left };
    }
    return undefined;
  }

  take(path: readonly string[], useUntil: UseUntil): void {
    if (useUntil === undefined) return;
    for (const [, budget] of this.#on(path)) {
      const use = countOf(budget.budget, useUntil(budget.period.endMs));
      this.#taken.set(budget, (this.#taken.get(budget) ?? 0) + use);
    }
  }

  #on(path: readonly string[]): [string, HeldBudget][] {
    return path.flatMap((queue) =>
      (this.#budgets.get(queue) ?? []).map((budget): [string, HeldBudget] => [queue, budget]),
    );
  }
}

/** `asks for 24.0 GPU-hours until it ends, and 10.0 GPU-hours are left of ...`. */
export function explainBudget({ queue, budget, asked, left }: BudgetShort): string {
  const { measure, used, limit, period } = budget;
  const text = (value: number): string => MEASURES[measure].text(value, budget.budget.currency ?? '');
  const name = budget.budget.period.toLowerCase();
  const asks =
    asked === undefined ? '' : `it is expected to use ${text(asked)} before it ends or the ${name} does, and `;
  const committed = Math.max(0, limit - used - left);
  return `${asks}${text(Math.max(0, left))} of the budget of queue ${queue} are left: of ${text(limit)} for the ${name} ${text(used)} are used, and ${text(committed)} are what those that hold nodes are expected to use yet; it resets at ${iso(period.endMs)}`;
}
