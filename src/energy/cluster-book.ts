import {
  addClasses,
  type Classes,
  classesOf,
  NO_CLASSES,
  type RunTimes,
  type Slice,
  shareBefore,
  withSlice,
} from './classes.ts';
import { boardWatts, type EnergyFacts, repriced, valued } from './facts.ts';
import { addMoney, type Money, NO_MONEY } from './money.ts';
import { fold, isBooked, type NodeBook, type Posting } from './node-book.ts';
import type { Report, ReportedPod } from './report.ts';
import { NO_SUMS, plus, type Sums } from './sums.ts';

/** Whose a run is. */
export interface RunOwner {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly tenant: string;
  /** Accelerator type it holds. */
  readonly accelerator: string;
}

/** What is booked of one run (attempt of a training, replica of a serving) in one part of a cluster. */
export interface RunBook {
  readonly owner: RunOwner;
  readonly measured: Sums;
  /** By configured board power where power was not known; final. */
  readonly estimated: Sums;
  /** The same for nodes that are silent now, by node: what they tell when they are back takes its place. */
  readonly silent: Readonly<Record<string, SilentTime>>;
  readonly times: RunTimes;
  /** Not classed yet, because it goes on. */
  readonly slices: readonly Slice[];
  readonly classes: Classes;
  /** Money in other currencies than the book's; all else that is booked is of these, too. */
  readonly otherCosts?: Money;
  /** When something was last booked, by the hub's clock. */
  readonly changedMs: number;
}

export interface SilentTime {
  /** By the hub's clock. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly sums: Sums;
}

export interface TenantBook {
  readonly measured: Sums;
  readonly estimated: Sums;
  readonly classes: Classes;
  /** As of a run. */
  readonly otherCosts?: Money;
}

/** The books of some nodes of a cluster: everything that follows from their reports, and nothing else. */
export interface NodesBook {
  /** Of the money in all sums; empty: books of before it was kept. */
  currency: string;
  readonly nodes: Map<string, NodeBook>;
  /** By `<uid of the workload>/<attempt>`. */
  readonly runs: Map<string, RunBook>;
  readonly tenants: Map<string, TenantBook>;
  /** What pods held that are not ours. */
  others: Sums;
  /** What nobody held: class idle. */
  idle: Sums;
}

export const emptyBook = (currency = ''): NodesBook => ({
  currency,
  nodes: new Map(),
  runs: new Map(),
  tenants: new Map(),
  others: NO_SUMS,
  idle: NO_SUMS,
});

const NO_TENANT: TenantBook = { measured: NO_SUMS, estimated: NO_SUMS, classes: NO_CLASSES };

/**
 * From now on money is in the currency of these facts: what was booked in another one is put aside. What is estimated
 * for nodes that are silent is priced anew, as what they tell is going to be.
 */
export function setCurrency(book: NodesBook, facts: EnergyFacts): boolean {
  const { currency } = book;
  if (currency === facts.currency) return false;
  book.currency = facts.currency;
  if (currency === '') return true;
  const putAside = <T extends TenantBook>({ measured, estimated, otherCosts = NO_MONEY, ...rest }: T) => ({
    ...rest,
    measured: { ...measured, costMicros: 0 },
    estimated: { ...estimated, costMicros: 0 },
    otherCosts: addMoney(otherCosts, { [currency]: measured.costMicros + estimated.costMicros }),
  });
  for (const [key, run] of book.runs) {
    const silent = Object.entries(run.silent).map(([node, time]) => [
      node,
      { ...time, sums: repriced(time.sums, facts, time.fromMs) },
    ]);
    book.runs.set(key, { ...run, ...putAside(run), silent: Object.fromEntries(silent) });
  }
  for (const [tenant, part] of book.tenants) book.tenants.set(tenant, putAside(part));
  book.others = { ...book.others, costMicros: 0 };
  book.idle = { ...book.idle, costMicros: 0 };
  return true;
}

/** What booking a report needs to know beside it. */
export interface BookingContext {
  readonly facts: EnergyFacts;
  /** Whose that run is; undefined: not of this hub. The pod's namespace must be the owner's. */
  readonly owner: (run: string) => RunOwner | undefined;
  /** The run of a pod for which the agent could not tell it. */
  readonly runOf: (pod: ReportedPod) => string | undefined;
  /** By the hub's clock. */
  readonly nowMs: number;
  /** The cluster's clock less the hub's. */
  readonly skewMs: number;
}

export type Booking = 'booked' | 'known' | 'reset' | 'retired';

/** Books what a report tells that is not booked yet. */
export function bookReport(book: NodesBook, report: Report, context: BookingContext): Booking {
  const before = book.nodes.get(report.node);
  if (before !== undefined && isBooked(before, report)) return 'known';
  const folded = fold(before, report);
  if (folded === undefined) return 'retired';
  book.nodes.set(report.node, folded.book);
  for (const posting of folded.postings) bookPosting(book, posting, Math.max(1, report.boards.length), context);
  for (const [key, run] of book.runs) {
    const silent = run.silent[report.node];
    if (silent === undefined) continue;
    const { [report.node]: _, ...rest } = run.silent;
    book.runs.set(key, { ...run, silent: rest });
    // Another series knows nothing of the time before it.
    const share = folded.isReset ? shareBefore(silent, folded.startMs - context.skewMs) : 0;
    if (share > 0) addToRun(book, key, { estimated: plus(NO_SUMS, silent.sums, share), nowMs: context.nowMs });
  }
  return folded.isReset ? 'reset' : 'booked';
}

/** @param boards on the node, which share its overhead */
function bookPosting(book: NodesBook, posting: Posting, boards: number, context: BookingContext): void {
  const { facts } = context;
  const [joules, gpuSeconds, gapSeconds] = posting.amounts;
  const measuredSeconds = Math.max(0, gpuSeconds - gapSeconds);
  const overhead = facts.nodeOverheadWatts / boards;
  const energy = { gpuSeconds, measuredSeconds, gpuJoules: joules, overheadJoules: overhead * measuredSeconds };
  const measured = valued(energy, facts, posting.fromMs);
  const run = posting.pod === null ? undefined : posting.pod.run || context.runOf(posting.pod);
  const owner = run === undefined ? undefined : (context.owner(run) ?? book.runs.get(run)?.owner);
  if (posting.pod === null) {
    book.idle = plus(book.idle, measured);
  } else if (run === undefined || owner === undefined || owner.namespace !== posting.pod.namespace) {
    book.others = plus(book.others, measured);
  } else {
    const estimate = {
      gpuSeconds: 0,
      measuredSeconds: 0,
      gpuJoules: boardWatts(facts, owner.accelerator) * gapSeconds,
      overheadJoules: overhead * gapSeconds,
    };
    const known = book.runs.get(run);
    book.runs.set(run, { ...(known ?? newRun(context.nowMs)), owner });
    addToRun(book, run, {
      measured,
      estimated: valued(estimate, facts, posting.fromMs),
      slice: { fromMs: posting.fromMs, toMs: posting.toMs },
      nowMs: context.nowMs,
    });
  }
}

const newRun = (nowMs: number): Omit<RunBook, 'owner'> => ({
  measured: NO_SUMS,
  estimated: NO_SUMS,
  silent: {},
  times: {},
  slices: [],
  classes: NO_CLASSES,
  changedMs: nowMs,
});

interface Addition {
  readonly measured?: Sums;
  readonly estimated: Sums;
  /** When it was used; absent: now. */
  readonly slice?: { readonly fromMs: number; readonly toMs: number };
  readonly nowMs: number;
}

/** To a run and to its tenant. Of a run that is over it is classed at once. */
function addToRun(book: NodesBook, key: string, addition: Addition): void {
  const run = book.runs.get(key);
  if (run === undefined) return;
  const { measured = NO_SUMS, estimated, nowMs, slice = { fromMs: nowMs, toMs: nowMs } } = addition;
  const both = plus(measured, estimated);
  const part: Slice = { ...slice, gpuSeconds: both.gpuSeconds, facilityJoules: both.facilityJoules };
  const classes = run.times.end === undefined ? NO_CLASSES : classesOf(part, run.times);
  const tenant = book.tenants.get(run.owner.tenant) ?? NO_TENANT;
  book.tenants.set(run.owner.tenant, {
    ...tenant,
    measured: plus(tenant.measured, measured),
    estimated: plus(tenant.estimated, estimated),
    classes: addClasses(tenant.classes, classes),
  });
  book.runs.set(key, {
    ...run,
    measured: plus(run.measured, measured),
    estimated: plus(run.estimated, estimated),
    slices: run.times.end === undefined ? withSlice(run.slices, part) : run.slices,
    classes: addClasses(run.classes, classes),
    changedMs: nowMs,
  });
}

/** Takes up when a run was ready, had a checkpoint and ended; at its end all of it is classed. */
export function setTimes(book: NodesBook, key: string, times: RunTimes, nowMs: number): void {
  const run = book.runs.get(key);
  if (run === undefined || run.times.end !== undefined) return;
  const merged: RunTimes = { ...run.times, ...times };
  if (merged.end === undefined) {
    book.runs.set(key, { ...run, times: merged });
    return;
  }
  const classes = run.slices.map((slice) => classesOf(slice, merged)).reduce(addClasses, NO_CLASSES);
  const tenant = book.tenants.get(run.owner.tenant) ?? NO_TENANT;
  book.tenants.set(run.owner.tenant, { ...tenant, classes: addClasses(tenant.classes, classes) });
  book.runs.set(key, {
    ...run,
    times: merged,
    slices: [],
    classes: addClasses(run.classes, classes),
    changedMs: nowMs,
  });
}

/** Lengthens the estimate of a run for a node that is silent; it counts until the node tells what was so. */
export function setSilent(book: NodesBook, key: string, owner: RunOwner, node: string, silent: SilentTime): void {
  const run = book.runs.get(key) ?? { ...newRun(silent.toMs), owner };
  const before = run.silent[node];
  const sums = before === undefined ? silent.sums : plus(before.sums, silent.sums);
  const time = { fromMs: before?.fromMs ?? silent.fromMs, toMs: silent.toMs, sums };
  book.runs.set(key, { ...run, silent: { ...run.silent, [node]: time } });
}

/** Gives a node up that has been silent for too long to tell anything any more: estimates for it are final. `nodeNowMs` is by its clock. */
export function giveUpNode(book: NodesBook, node: string, nowMs: number, nodeNowMs: number): void {
  const known = book.nodes.get(node);
  if (known !== undefined)
    book.nodes.set(node, { ...known, isGivenUp: true, writtenAtMs: nodeNowMs, booked: new Map() });
  for (const [key, run] of book.runs) {
    const silent = run.silent[node];
    if (silent === undefined) continue;
    const { [node]: _, ...rest } = run.silent;
    book.runs.set(key, { ...run, silent: rest });
    addToRun(book, key, { estimated: silent.sums, nowMs });
  }
}

/** All runs of a workload that are over for long are one from then on, under attempt 0. */
export function putTogether(book: NodesBook, key: string): void {
  const run = book.runs.get(key);
  const all = `${key.slice(0, key.lastIndexOf('/'))}/0`;
  if (run === undefined || key === all) return;
  const earlier = book.runs.get(all);
  book.runs.delete(key);
  book.runs.set(all, {
    ...run,
    measured: plus(earlier?.measured ?? NO_SUMS, run.measured),
    estimated: plus(earlier?.estimated ?? NO_SUMS, run.estimated),
    classes: addClasses(earlier?.classes ?? NO_CLASSES, run.classes),
    otherCosts: addMoney(run.otherCosts ?? NO_MONEY, earlier?.otherCosts),
  });
}
