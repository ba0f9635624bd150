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
  /** Boards that were lost when we last looked. */
  #lost: ReadonlySet<string> = new Set();
  #nodes: ReadonlyMap<string, NodeNow> = new Map();
  #draws: Draws | undefined;

  /** @param runOf the run of a pod for which the agent could not tell it */
  saw(configMap: string, { node, now }: Report, runOf: (pod: ReportedPod) => string | undefined): void {
    if (now === undefined) {
      this.forget(configMap);
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

  forget(configMap: string): void {
    this.#seen.delete(configMap);
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
