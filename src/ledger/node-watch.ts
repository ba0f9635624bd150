import {
  type BoardNow,
  type Draw,
  type Draws,
  drawsOf,
  type EnergyFacts,
  type NodeNow,
  type Report,
  type ReportedPod,
} from '../energy/index.ts';

/** A clock that is wrong by less is taken for one that is right: reports come once a minute, and late. */
const CLOCK_OFF_MS = 120_000;
/** Reports that wait for a connection are late by other amounts from one to the next; a clock that is behind is not. */
const STEADY_MS = 60_000;

interface Lag {
  readonly node: string;
  /** The node's clock less the hub's when a report arrived: below 0 it was on its way, or that clock is behind. */
  readonly ms: number;
  readonly isSteady: boolean;
}

/** A board that has just been lost. */
export interface LostBoard extends Pick<BoardNow, 'uuid' | 'holders'> {
  readonly node: string;
}

/**
 * What the agents of a cluster saw last: how boards are, and what they draw. It is not kept, as every report tells it
 * anew.
 */
export class NodeWatch {
  /** By ConfigMap. */
  readonly #seen = new Map<string, { readonly node: string; readonly now: NodeNow }>();
  /** By ConfigMap. */
  readonly #lags = new Map<string, Lag>();
  /** Boards that were lost when we last looked. */
  #lost: ReadonlySet<string> = new Set();
  #nodes: ReadonlyMap<string, NodeNow> = new Map();
  #draws: Draws | undefined;

  /** @param runOf the run of a pod for which the agent could not tell it */
  saw(configMap: string, { node, now }: Report, runOf: (pod: ReportedPod) => string | undefined): void {
    if (now === undefined) {
      this.#seen.delete(configMap);
      return;
    }
    const boards = now.boards.map(({ holders, ...board }) => ({
      ...board,
      holders: holders.flatMap(({ pod, share }) => {
        const run = pod.run || runOf(pod);
        return run === undefined ? [] : [{ run, share }];
      }),
    }));
    this.#seen.set(configMap, { node, now: { ...now, boards } });
  }

  /** A report has arrived. @param aheadMs when it was written, by the node's clock, less now */
  arrived(configMap: string, node: string, aheadMs: number): void {
    const before = this.#lags.get(configMap)?.ms ?? Number.POSITIVE_INFINITY;
    this.#lags.set(configMap, { node, ms: aheadMs, isSteady: Math.abs(before - aheadMs) < STEADY_MS });
  }

  /** Nodes whose clocks are wrong, and by how much: what they measure counts at the wrong time. */
  get clocksOff(): ReadonlyMap<string, number> {
    const off = [...this.#lags.values()].filter(
      ({ ms, isSteady }) => Math.abs(ms) > CLOCK_OFF_MS && (ms > 0 || isSteady),
    );
    return new Map(off.map(({ node, ms }) => [node, ms]));
  }

  forget(configMap: string): void {
    this.#seen.delete(configMap);
    this.#lags.delete(configMap);
  }

  /** Why the agent of a node has no samples; undefined: it has, or nothing is known of it. */
  trouble(node: string): string | undefined {
    return this.#nodes.get(node)?.trouble || undefined;
  }

  /** Nodes that report, and what their agents saw. */
  get nodes(): ReadonlyMap<string, NodeNow> {
    return this.#nodes;
  }

  /** undefined: nobody measures here. */
  get draw(): Draw | undefined {
    return this.#draws?.all;
  }

  /** Of a run on these nodes; undefined: not all of it is measured now. */
  drawOf(run: string, nodes: readonly string[]): Draw | undefined {
    const isWhole = nodes.every((node) => this.#draws?.runsOn.get(node)?.has(run) === true);
    return isWhole ? this.#draws?.runs.get(run) : undefined;
  }

  /** Takes stock, without nodes that are silent. @returns boards that are lost since the last time */
  look(facts: EnergyFacts, isSilent: (node: string) => boolean): LostBoard[] {
    const heard = [...this.#seen.values()].filter(({ node }) => !isSilent(node));
    this.#nodes = new Map(heard.map(({ node, now }) => [node, now]));
    const measuring = new Map([...this.#nodes].filter(([, { trouble }]) => trouble === ''));
    this.#draws = measuring.size === 0 ? undefined : drawsOf(measuring, facts);
    const before = this.#lost;
    const lost = [...this.#nodes].flatMap(([node, { boards }]) =>
      boards.filter(({ health }) => health === 'lost').map(({ uuid, holders }) => ({ node, uuid, holders })),
    );
    this.#lost = new Set(lost.map(({ uuid }) => uuid));
    return lost.filter(({ uuid }) => !before.has(uuid));
  }
}
