import type { NodeTable, Taint, Toleration } from './model.ts';

/** Whether the toleration covers the taint, by the rules of Kubernetes. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if ((toleration.effect ?? '') !== '' && toleration.effect !== taint.effect) return false;
  if ((toleration.key ?? '') === '') return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

const blocks = (taint: Taint): boolean => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute';

/** Which nodes of a table a pod may run on, by labels and taints; each interned set is judged once. */
export class Suitability {
  readonly #table: NodeTable;
  readonly #selector: readonly (readonly [string, string])[];
  readonly #tolerations: readonly Toleration[];
  /** 0 not judged yet, 1 suits, 2 does not. */
  readonly #labels: Uint8Array;
  readonly #taints: Uint8Array;

  constructor(table: NodeTable, selector: Readonly<Record<string, string>>, tolerations: readonly Toleration[]) {
    this.#table = table;
    this.#selector = Object.entries(selector);
    this.#tolerations = tolerations;
    this.#labels = new Uint8Array(this.#selector.length === 0 ? 0 : table.labelSets.length);
    this.#taints = new Uint8Array(table.taintSets.length);
  }

  suits(row: number): boolean {
    return this.#taintsSuit(this.#table.taintSet[row] ?? 0) && this.labelsSuit(row);
  }

  labelsSuit(row: number): boolean {
    if (this.#selector.length === 0) return true;
    const id = this.#table.labelSet[row] ?? 0;
    if (this.#labels[id] === 0) {
      const labels = this.#table.labelSets[id] ?? {};
      this.#labels[id] = this.#selector.every(([key, value]) => labels[key] === value) ? 1 : 2;
    }
    return this.#labels[id] === 1;
  }

  #taintsSuit(id: number): boolean {
    if (this.#taints[id] === 0) {
      const taints = (this.#table.taintSets[id] ?? []).filter(blocks);
      const all = taints.every((taint) => this.#tolerations.some((toleration) => tolerates(toleration, taint)));
      this.#taints[id] = all ? 1 : 2;
    }
    return this.#taints[id] === 1;
  }
}
