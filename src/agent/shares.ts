import { type Device, deviceOf, isOfNvidia } from './devices.ts';
import type { Share } from './ledger.ts';
import type { PodDevices } from './pod-resources.ts';
import { type PodRef, podKey } from './tally.ts';

/** A board as far as devices are told apart by it. */
export interface BoardIds {
  readonly uuid: string;
  /** Place in the document of nvidia-smi; undefined while it is not in it. */
  readonly index: number | undefined;
  /** Number of its device file. */
  readonly minor: number | undefined;
  readonly mig: readonly MigIds[];
}

export interface MigIds {
  readonly index: number | undefined;
  readonly gpuInstance: number | undefined;
  /** Streaming multiprocessors; the board's power is shared out by them. */
  readonly multiprocessors: number | undefined;
  /** Not in the document: `nvidia-smi -L` tells it. */
  readonly uuid: string | undefined;
}

export interface Assignment {
  readonly holders: ReadonlyMap<string, readonly Share[]>;
  /** Names of devices that could be NVIDIA's and are no board here. What they hold counts as held by nobody. */
  readonly unknown: readonly string[];
}

/** A board, or one MIG device of it. */
interface Part {
  readonly board: BoardIds;
  readonly mig: MigIds | undefined;
}

/** How a pod's share of a board was reckoned. */
export type Attribution = 'exclusive' | 'mig_sm' | 'equal';

/** @param shares all those of the board */
export function attributionOf(shares: readonly Share[], { mig }: Pick<BoardIds, 'mig'>): Attribution {
  const [first, ...others] = shares;
  if (first !== undefined && others.length === 0 && first.share > 0.999) return 'exclusive';
  // MIG devices without numbers of multiprocessors are equal parts.
  return mig.length > 0 && mig.every(({ multiprocessors = 0 }) => multiprocessors > 0) ? 'mig_sm' : 'equal';
}

interface Claim extends Part {
  readonly pod: PodRef;
}

/**
 * Shares out each board, and never more than all of it: a MIG device by its multiprocessors, and what several pods hold
 * in turns by equal parts.
 */
export function assign(pods: readonly (PodDevices & PodRef)[], boards: readonly BoardIds[]): Assignment {
  const unknown: string[] = [];
  const claims: Claim[] = [];
  for (const { resource, ids, ...pod } of pods) {
    // Containers of a pod may share a device; its replicas count each.
    for (const id of new Set(ids)) {
      const device = deviceOf(resource, id);
      const part = device && partOf(device, boards);
      if (part !== undefined) claims.push({ ...part, pod });
      else if (device !== undefined || isOfNvidia(resource)) unknown.push(id);
    }
  }
  const holders = new Map<string, readonly Share[]>();
  for (const board of boards) {
    const shares = sharesOf(
      board,
      claims.filter((claim) => claim.board === board),
    );
    if (shares.length > 0) holders.set(board.uuid, shares);
  }
  return { holders, unknown };
}

function partOf(device: Device, boards: readonly BoardIds[]): Part | undefined {
  for (const board of boards) {
    if (device.by === 'mig') {
      const mig = board.mig.find(({ uuid }) => uuid?.toLowerCase() === device.uuid.toLowerCase());
      if (mig !== undefined) return { board, mig };
    } else if (isBoard(device, board)) {
      const mig = board.mig.find((one) =>
        device.by === 'index' ? one.index === device.migIndex : one.gpuInstance === device.gpuInstance,
      );
      const isOfMig = device.by === 'index' ? device.migIndex !== undefined : device.gpuInstance !== undefined;
      return isOfMig && mig === undefined ? undefined : { board, mig: isOfMig ? mig : undefined };
    }
  }
  return undefined;
}

function isBoard(device: Exclude<Device, { by: 'mig' }>, board: BoardIds): boolean {
  if (device.by === 'uuid') return device.uuid.toLowerCase() === board.uuid.toLowerCase();
  return device.by === 'minor' ? device.minor === board.minor : device.index === board.index;
}

function sharesOf(board: BoardIds, claims: readonly Claim[]): Share[] {
  const shares = new Map<string, { pod: PodRef; share: number }>();
  for (const { pod, mig } of claims) {
    const rivals = claims.filter((claim) => claim.mig === mig).length;
    const known = shares.get(podKey(pod)) ?? { pod, share: 0 };
    shares.set(podKey(pod), { pod, share: known.share + weightOf(board, mig) / rivals });
  }
  const sum = [...shares.values()].reduce((total, { share }) => total + share, 0);
  // A board held whole and in parts at once is a moment of reconfiguration.
  return [...shares.values()].map(({ pod, share }) => ({ pod, share: sum > 1 ? share / sum : share }));
}

/** A MIG device's part of its board: of the multiprocessors that are in any, else of the devices. */
function weightOf({ mig: all }: BoardIds, mig: MigIds | undefined): number {
  if (mig === undefined) return 1;
  const counts = all.map(({ multiprocessors = 0 }) => multiprocessors);
  const sum = counts.reduce((total, count) => total + count, 0);
  return counts.every((count) => count > 0) ? (mig.multiprocessors ?? 0) / sum : 1 / all.length;
}
