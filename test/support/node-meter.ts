import { randomUUID } from 'node:crypto';
import { type BoardNow, writeEnergyMap } from '../../src/agent/energy-map.ts';
import { NOBODY, type PodRef, Tally } from '../../src/agent/tally.ts';
import { LABEL } from '../../src/api/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/resource.ts';

const BOARDS = 8;

/** Writes the ConfigMap of a node's agent, with what a test says was used of the node's first board. */
export class NodeMeter {
  readonly node: string;
  readonly #client: Pick<KubeClient, 'apply'>;
  #series = randomUUID();
  #totals = new Tally();
  /** Why there are no samples. */
  trouble = '';
  /** What is seen of some boards, by place; of the others that they are healthy and draw 100 W. */
  readonly seen = new Map<number, Partial<Omit<BoardNow, 'uuid'>>>();

  constructor(client: Pick<KubeClient, 'apply'>, node: string) {
    this.#client = client;
    this.node = node;
  }

  /** As an agent whose state is lost. */
  begin(): void {
    this.#series = randomUUID();
    this.#totals = new Tally();
  }

  use(pod: KubeObject | undefined, joules: number, gpuSeconds: number): void {
    this.#totals.add(pod === undefined ? NOBODY : refOf(pod), this.#board(0), { joules, gpuSeconds, gapSeconds: 0 }, 1);
  }

  /** @param writtenAtMs by the node's clock */
  async write(writtenAtMs = Date.now()): Promise<void> {
    const totals = this.#totals.entries;
    const gpus = Array.from({ length: BOARDS }, (_, index) => {
      const uuid = this.#board(index);
      const own = totals.filter(({ gpu }) => gpu === uuid);
      const sum = (key: 'joules' | 'gpuSeconds' | 'gapSeconds'): number => own.reduce((all, one) => all + one[key], 0);
      const amounts = { joules: sum('joules'), gpuSeconds: sum('gpuSeconds'), gapSeconds: sum('gapSeconds') };
      return { uuid, ...amounts, last: { atMs: 0, watts: null }, shares: [], changes: [] };
    });
    const ledger = { gpus, totals, buckets: { nextSequence: 1, open: [], closed: [] }, holders: [], holdersAtMs: null };
    const boards = gpus.map(({ uuid }, index) => {
      return { uuid, health: 'healthy' as const, watts: 100, shares: [], ...this.seen.get(index) };
    });
    const now = { trouble: this.trouble, expected: BOARDS, boards };
    await writeEnergyMap(this.#client, { node: this.node, series: this.#series, writtenAtMs, ledger, now });
  }

  /** A pod holds the first boards whole. */
  hold(pod: KubeObject, boards: number, what: Partial<Omit<BoardNow, 'uuid'>> = {}): void {
    const shares = [{ pod: refOf(pod), share: 1 }];
    for (let index = 0; index < boards; index += 1) this.seen.set(index, { shares, ...what });
  }

  #board(index: number): string {
    return `GPU-${this.node}-${index}`;
  }
}

function refOf({ metadata: { uid = '', namespace = '', name, labels = {} } }: KubeObject): PodRef {
  return { uid, namespace, name, run: `${labels[LABEL.workloadUid]}/${labels[LABEL.attempt]}` };
}
