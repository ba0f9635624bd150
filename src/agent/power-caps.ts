import { type CapRule, clampCap, type PowerBounds, ruledCap } from '../core/power/cap-rule.ts';
import { valueIn } from '../nvidia-smi/index.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Board, wattsOf } from './boards.ts';
import { DrawMeter } from './draw-meter.ts';

/** A board that was given a cap. It is written down before the board is touched, so that even a crash leaves it known. */
export interface CapRecord {
  readonly uuid: string;
  /** Uid of the pod it was given for. */
  readonly pod: string;
  readonly watts: number;
  /** The limit to restore. */
  readonly beforeWatts: number;
}

/** The one pod that holds the whole of a board. */
export interface Holder {
  /** Its uid. */
  readonly pod: string;
  /** Its annotation; undefined: it asks for nothing. */
  readonly cap: string | undefined;
}

export interface CapSample {
  readonly boards: readonly Board[];
  /** By UUID. undefined: who holds what is not known now, and nothing is begun or ended. */
  readonly holders: ReadonlyMap<string, Holder> | undefined;
  readonly atMs: number;
  readonly maxGapMs: number;
}

export interface PowerCapsOptions {
  readonly rule: CapRule;
  /** How long a pod with the cap `Auto` must have been at work before it is given one. */
  readonly measureMs: number;
  /** What an earlier run left. */
  readonly records: readonly CapRecord[];
  /** @returns a sentence where nvidia-smi refused */
  readonly setLimit: (uuid: string, watts: number) => Promise<string | undefined>;
  readonly save: (records: readonly CapRecord[]) => Promise<void>;
  readonly logger: Logger;
}

export const CAP_RESULTS = ['applied', 'restored', 'refused', 'unverified'] as const;
type CapResult = (typeof CAP_RESULTS)[number];

/** A try of setting a limit, until a sample shows it. */
interface Try {
  readonly watts: number;
  failures: number;
  /** Samples since; the first may have been on its way already. */
  samples: number;
  /** Not tried again before, in monotonic ms. */
  notBeforeMs: number;
}

/** So many samples after the limit was set, and it must be there. */
const VERIFY_SAMPLES = 3;
const RETRY_MS = 30_000;
const MAX_RETRY_MS = 900_000;
/** The driver tells limits in hundredths. */
const SAME_WATTS = 1;

/**
 * Brings power limits to what the pods ask for, and back when they are gone: each sample says what is, and what differs
 * from what should be is set. A limit is never raised above the one that was found.
 */
export class PowerCaps {
  readonly #options: PowerCapsOptions;
  readonly #draw: DrawMeter;
  readonly #records: Map<string, CapRecord>;
  /** Boards whose record is not written down yet: they are not touched. */
  readonly #unsaved = new Set<string>();
  readonly #tries = new Map<string, Try>();
  readonly #told = new Set<string>();
  #setting: Promise<void> | undefined;
  readonly results = new Map<CapResult, number>(CAP_RESULTS.map((result) => [result, 0]));

  constructor(options: PowerCapsOptions) {
    this.#options = options;
    this.#draw = new DrawMeter(options.measureMs);
    this.#records = new Map(options.records.map((record) => [record.uuid, record]));
  }

  /** Caps that are to hold now. */
  get caps(): readonly CapRecord[] {
    return [...this.#records.values()];
  }

  /** Looks at a sample; what is to be set is set meanwhile. */
  sample(sample: CapSample): void {
    if (this.#setting !== undefined) return;
    this.#measure(sample);
    const due: { uuid: string; watts: number }[] = [];
    for (const board of sample.boards) {
      const wanted = this.#look(board, sample);
      if (wanted !== undefined) due.push({ uuid: board.uuid, watts: wanted });
    }
    if (due.length === 0) return;
    this.#setting = this.#set(due, sample.atMs).finally(() => {
      this.#setting = undefined;
    });
  }

  /** Restores every board; call it when no sample comes any more. What fails is left to the next run. */
  async end(setLimit: PowerCapsOptions['setLimit']): Promise<void> {
    await this.#setting;
    for (const { uuid, beforeWatts } of this.caps) {
      const trouble = await setLimit(uuid, beforeWatts);
      if (trouble === undefined) this.#records.delete(uuid);
      else this.#options.logger.error('the power limit of a board is not restored', { uuid, reason: trouble });
    }
    await this.#save();
  }

  async #save(): Promise<boolean> {
    try {
      await this.#options.save(this.caps);
      this.#told.delete('save');
      return true;
    } catch (error) {
      this.#tell('save', errorMessage(error));
      return false;
    }
  }

  /** @returns the limit to set now, if any */
  #look(board: Board, { holders, boards, atMs }: CapSample): number | undefined {
    const { uuid, gpu } = board;
    const limits = gpu?.power.limits;
    const limit = limits && (valueIn(limits.requestedWatts) ?? valueIn(limits.enforcedWatts));
    const bounds = boundsOf(board);
    if (limit === undefined || bounds === undefined) return undefined;
    const record = this.#records.get(uuid);
    const holder = holders?.get(uuid);
    if (record !== undefined) {
      const isOver = holders !== undefined && (holder?.pod !== record.pod || holder.cap === undefined);
      const watts = isOver ? record.beforeWatts : record.watts;
      if (Math.abs(limit - watts) >= SAME_WATTS) return this.#retry(uuid, watts, atMs);
      if (this.#tries.delete(uuid) || isOver) this.#count(isOver ? 'restored' : 'applied', uuid, watts);
      if (isOver) this.#forget(uuid);
      return undefined;
    }
    if (holder?.cap === undefined) return undefined;
    const mine = boards.filter((one) => holders?.get(one.uuid)?.pod === holder.pod).map((one) => one.uuid);
    const cap = this.#capOf(holder.cap, mine, { ...bounds, maxWatts: Math.min(limit, bounds.maxWatts) });
    if (cap === undefined || cap >= limit) return undefined;
    this.#records.set(uuid, { uuid, pod: holder.pod, watts: cap, beforeWatts: limit });
    this.#unsaved.add(uuid);
    return this.#retry(uuid, cap, atMs);
  }

  #capOf(asked: string, mine: readonly string[], bounds: PowerBounds): number | undefined {
    if (asked === 'Auto') {
      const draw = this.#draw.highestMean(mine);
      return draw === undefined ? undefined : ruledCap(this.#options.rule, draw, bounds);
    }
    const watts = Number(asked);
    if (/^\d+$/.test(asked) && watts > 0) return clampCap(watts, bounds);
    this.#tell('asked', `a pod asks for the power cap ${JSON.stringify(asked)}; Auto or whole watts are understood`);
    return undefined;
  }

  /** The limit, unless it was set lately and a sample may still show it, or it is too early to try again. */
  #retry(uuid: string, watts: number, atMs: number): number | undefined {
    const known = this.#tries.get(uuid);
    if (known === undefined || known.watts !== watts) {
      this.#tries.set(uuid, { watts, failures: 0, samples: 0, notBeforeMs: atMs });
      return watts;
    }
    known.samples += 1;
    if (known.samples === VERIFY_SAMPLES) {
      this.#count('unverified', uuid, watts);
      this.#failed(known, atMs);
    }
    if (known.samples < VERIFY_SAMPLES || atMs < known.notBeforeMs) return undefined;
    known.samples = 0;
    return watts;
  }

  #failed(attempt: Try, atMs: number): void {
    attempt.samples = VERIFY_SAMPLES;
    attempt.notBeforeMs = atMs + Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** attempt.failures);
    attempt.failures += 1;
  }

  async #set(due: readonly { uuid: string; watts: number }[], atMs: number): Promise<void> {
    if (this.#unsaved.size > 0 && !(await this.#save())) for (const uuid of this.#unsaved) this.#undo(uuid);
    this.#unsaved.clear();
    for (const { uuid, watts } of due) {
      if (!this.#tries.has(uuid)) continue;
      const trouble = await this.#options.setLimit(uuid, watts);
      const attempt = this.#tries.get(uuid);
      if (trouble === undefined || attempt === undefined) continue;
      this.#count('refused', uuid, watts, trouble);
      this.#failed(attempt, atMs);
    }
  }

  /** Nothing was done to the board yet, or it is as it was. */
  #undo(uuid: string): void {
    this.#tries.delete(uuid);
    this.#records.delete(uuid);
  }

  #forget(uuid: string): void {
    this.#undo(uuid);
    this.#draw.forget(uuid);
    // An old record does no harm: what it would restore is there.
    void this.#save();
  }

  #measure({ boards, holders, atMs, maxGapMs }: CapSample): void {
    for (const { uuid, gpu } of boards) {
      const holder = holders?.get(uuid);
      if (gpu === undefined || holder?.cap !== 'Auto' || this.#records.has(uuid)) continue;
      const watts = wattsOf(gpu);
      const isBusy = watts !== null && (valueIn(gpu.utilization.gpuRatio) ?? 1) > 0;
      this.#draw.read(uuid, holder.pod, { atMs, watts: watts ?? 0, isBusy, maxGapMs });
    }
  }

  #count(result: CapResult, uuid: string, watts: number, reason?: string): void {
    this.results.set(result, (this.results.get(result) ?? 0) + 1);
    const isFine = result === 'applied' || result === 'restored';
    if (isFine) this.#options.logger.info(`power limit ${result}`, { uuid, watts });
    else
      this.#options.logger.warn(`power limit ${result}`, { uuid, watts, ...(reason === undefined ? {} : { reason }) });
  }

  /** Says it once. */
  #tell(what: string, reason: string): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.logger.warn('power caps: trouble', { reason });
  }
}

/** What the board allows; undefined: it does not tell, so no limit can be set. */
function boundsOf({ gpu }: Board): PowerBounds | undefined {
  if (gpu === undefined) return undefined;
  const { limits } = gpu.power;
  const [minWatts, maxWatts] = [valueIn(limits.minWatts), valueIn(limits.maxWatts)];
  if (minWatts === undefined || maxWatts === undefined) return undefined;
  return { minWatts, maxWatts, defaultWatts: valueIn(limits.defaultWatts) ?? maxWatts };
}
