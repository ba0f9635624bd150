import { cpuMilli, memoryMi, count as units } from '../core/quantity.ts';
import type { Amounts } from './types.ts';

/** A resource list as the API server sends it. */
export type RawAmounts = Readonly<Record<string, string | number>>;

/** Told of a quantity that cannot be read; it then counts as 0. */
export type BadQuantity = (resource: string, value: unknown) => void;

const NO_EXTENDED: Readonly<Record<string, number>> = Object.freeze({});
export const NO_AMOUNTS: Amounts = Object.freeze({ cpuMilli: 0, memoryMi: 0, extended: NO_EXTENDED });

type Round = 'up' | 'down';

/** Requests are rounded up, capacity down. */
export function amounts(raw: RawAmounts | undefined, round: Round, bad: BadQuantity): Amounts {
  if (raw === undefined) return NO_AMOUNTS;
  let cpu = 0;
  let memory = 0;
  let extended: Record<string, number> | undefined;
  for (const [name, value] of Object.entries(raw)) {
    if (name === 'cpu') cpu = read(name, value, bad, () => cpuMilli(value, round));
    else if (name === 'memory') memory = read(name, value, bad, () => memoryMi(value, round));
    else if (isExtended(name)) {
      extended ??= {};
      extended[name] = read(name, value, bad, () => units(value, round));
    }
  }
  return { cpuMilli: cpu, memoryMi: memory, extended: extended ?? NO_EXTENDED };
}

/** A count such as `pods`. */
export function count(name: string, value: string | number | undefined, round: Round, bad: BadQuantity): number {
  return value === undefined ? 0 : read(name, value, bad, () => units(value, round));
}

/** What is handed out by the board: everything but the kubelet's own resources. */
function isExtended(name: string): boolean {
  return (
    name !== 'ephemeral-storage' &&
    name !== 'pods' &&
    !name.startsWith('hugepages-') &&
    !name.startsWith('attachable-volumes-')
  );
}

function read(name: string, value: unknown, bad: BadQuantity, parse: () => number): number {
  try {
    const result = parse();
    if (Number.isFinite(result) && result >= 0) return result;
  } catch {
    // reported below
  }
  bad(name, value);
  return 0;
}

export function add(a: Amounts, b: Amounts): Amounts {
  if (a === NO_AMOUNTS) return b;
  if (b === NO_AMOUNTS) return a;
  return combine(a, b, (x, y) => x + y);
}

export function larger(a: Amounts, b: Amounts): Amounts {
  if (a === NO_AMOUNTS) return b;
  if (b === NO_AMOUNTS) return a;
  return combine(a, b, Math.max);
}

function combine(a: Amounts, b: Amounts, of: (x: number, y: number) => number): Amounts {
  let extended = a.extended;
  for (const [name, value] of Object.entries(b.extended)) {
    if (extended === a.extended) extended = { ...a.extended };
    (extended as Record<string, number>)[name] = of(a.extended[name] ?? 0, value);
  }
  return { cpuMilli: of(a.cpuMilli, b.cpuMilli), memoryMi: of(a.memoryMi, b.memoryMi), extended };
}
