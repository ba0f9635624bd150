import type { BoardHealth } from '../api/node-energy.ts';
import { type Gpu, type NvidiaSmiDocument, valueIn } from '../nvidia-smi/index.ts';
import type { MigUuids } from './mig-list.ts';
import type { BoardIds } from './shares.ts';

/** A board that the driver told of at least once. */
export interface Board {
  readonly uuid: string;
  readonly busId: string | undefined;
  /** What the newest document says of it; undefined: nothing. */
  readonly gpu: Gpu | undefined;
}

/** Above any board there is; a driver that cannot read its sensor has printed such numbers. */
const MAX_WATTS = 5_000;
/** So many times its limit no board draws, not even for a moment. */
const LIMIT_FACTOR = 2;

/** The boards of the node by UUID, over time: one that falls off the bus is still known. */
export class Boards {
  readonly #boards = new Map<string, Board>();
  /** Of the newest document: how many the driver knows. */
  #attached = 0;
  /** UUIDs of MIG devices, which no document tells. */
  migUuids: MigUuids = new Map();

  /** @param known UUIDs from an earlier run */
  constructor(known: Iterable<string> = []) {
    for (const uuid of known) this.#boards.set(uuid, { uuid, busId: undefined, gpu: undefined });
  }

  get list(): readonly Board[] {
    return [...this.#boards.values()];
  }

  /** Boards that ought to be there: also those that the driver counts and tells nothing of. */
  get expected(): number {
    return Math.max(this.#boards.size, this.#attached);
  }

  get ids(): BoardIds[] {
    return this.list.map(({ uuid, gpu }) => {
      // A pod still holds a board that is lost.
      if (gpu === undefined) return { uuid, index: undefined, minor: undefined, mig: [] };
      const mig = (valueIn(gpu.mig.devices) ?? []).map((device) => ({
        index: valueIn(device.index),
        gpuInstance: valueIn(device.gpuInstanceId),
        multiprocessors: valueIn(device.multiprocessorCount),
        uuid: this.migUuids.get(uuid)?.get(valueIn(device.index) ?? -1),
      }));
      return { uuid, index: gpu.index, minor: valueIn(gpu.minorNumber), mig };
    });
  }

  update(document: NvidiaSmiDocument): void {
    this.#attached = valueIn(document.attachedGpus) ?? 0;
    const seen = new Map<string, Board>();
    for (const gpu of document.gpus) {
      const busId = valueIn(gpu.busId);
      // A lost board may not tell its UUID any more; its place tells which one it is.
      const uuid = valueIn(gpu.uuid) ?? this.list.find((board) => busId !== undefined && board.busId === busId)?.uuid;
      if (uuid !== undefined && !seen.has(uuid)) seen.set(uuid, { uuid, busId, gpu });
    }
    for (const { uuid, busId } of this.list) this.#boards.set(uuid, seen.get(uuid) ?? { uuid, busId, gpu: undefined });
    for (const board of seen.values()) this.#boards.set(board.uuid, board);
  }

  /** Power of those that are there; null where it is not told, or cannot be true. */
  get watts(): Map<string, number | null> {
    return new Map(this.list.flatMap(({ uuid, gpu }) => (gpu === undefined ? [] : [[uuid, wattsOf(gpu)] as const])));
  }
}

/** Whether the driver tells a power that no board can draw. */
export const isAbsurd = (gpu: Gpu): boolean => valueIn(gpu.power.board.watts) !== undefined && wattsOf(gpu) === null;

/** @returns null where power is not told, or is a number that no board can draw */
export function wattsOf({ power: { board, limits } }: Gpu): number | null {
  const watts = valueIn(board.watts);
  const limit = valueIn(limits.maxWatts) ?? valueIn(limits.enforcedWatts);
  const most = limit === undefined || limit === 0 ? MAX_WATTS : limit * LIMIT_FACTOR;
  return watts === undefined || watts > most ? null : watts;
}

const LOST_WORDS: ReadonlySet<string> = new Set(['GPU is lost', 'GPU is inaccessible']);
/** What the agent may not see says nothing about the board. */
const FORBIDDEN = 'Insufficient Permissions';

/** Words of the fabric's health, in small letters. */
const FABRIC_HEALTH: Readonly<Record<string, boolean>> = {
  healthy: true,
  unhealthy: false,
  'limited capacity': false,
};

/**
 * Whether the board's links to the others of its NVLink domain are well; undefined: it has none, has not joined yet, or
 * tells of it in words that are not known.
 */
export function isFabricWell({ fabric }: Gpu): boolean | undefined {
  const isJoined = valueIn(fabric.state)?.toLowerCase() === 'completed';
  // The status is that of the attempt to join, and has a meaning after it only.
  if (isJoined && (valueIn(fabric.status)?.toLowerCase() ?? 'success') !== 'success') return false;
  const health = valueIn(fabric.health)?.toLowerCase();
  return health === undefined ? undefined : FABRIC_HEALTH[health];
}

export function healthOf({ gpu }: Board): BoardHealth {
  if (gpu === undefined || gpu.failures.some((words) => LOST_WORDS.has(words))) return 'lost';
  const action = valueIn(gpu.recoveryAction) ?? 'none';
  const asksForHelp =
    (action !== 'none' && action !== 'other') ||
    isFabricWell(gpu) === false ||
    [gpu.resetRequired, gpu.drainAndResetRecommended, gpu.remappedRows.failure, gpu.ecc.unrepairableMemory].some(
      (one) => valueIn(one) === true,
    );
  if (asksForHelp || gpu.failures.some((words) => words !== FORBIDDEN)) return 'degraded';
  // A wish that is not understood is none that may be passed over.
  return action === 'other' ? 'unknown' : 'healthy';
}

/** The same as of now: what an old sample says is not known any more. */
export const healthNow = (board: Board, isStale: boolean): BoardHealth => (isStale ? 'unknown' : healthOf(board));
