/**
 * A centre to which things happen: it asks the cycle, carries out what is decided, and holds each decision against what
 * plain arithmetic allows.
 */
import { Cycle } from '../cycle.ts';
import type {
  Admit,
  CyclePlan,
  Nomination,
  PreemptionPolicy,
  QueueView,
  Running,
  Snapshot,
  Workload,
} from '../model.ts';
import { cluster, NOON, nodes, queue, snapshot, workload } from './build.ts';
import { NaiveQuota } from './naive-quota.ts';

export interface NodeState {
  readonly name: string;
  readonly boards: number;
  usable: boolean;
}

export interface Place {
  readonly name: string;
  readonly nodes: NodeState[];
  lost: boolean;
}

interface Held extends Running {
  readonly workload: Workload;
  ending: boolean;
}

export const boards = (count: number): number => count * 1000;
const MINUTE = 60_000;

export class CentreModel {
  now = NOON;
  readonly places: readonly Place[];
  queues: QueueView[];
  readonly waiting = new Map<string, Workload>();
  readonly running = new Map<string, Held>();
  readonly #nominations = new Map<string, Nomination>();
  #serial = 0;
  /** Workloads that were pushed out, over all time. */
  preempted = 0;

  constructor(places: readonly Place[], queues: readonly QueueView[]) {
    this.places = places;
    this.queues = [...queues];
  }

  submit(leaf: string, pods: number, countPerNode: number, priority: number): void {
    this.#serial += 1;
    const key = `w${String(this.#serial).padStart(4, '0')}`;
    const request = { pods, accelerators: [{ type: 'H100', countPerNode }], cpuMilli: 1000, memoryMi: 1 };
    this.waiting.set(key, workload(key, { queue: leaf, priority, queuedAt: this.now, request }));
  }

  /** It ends by itself, or is deleted. */
  finish(which: number): void {
    const keys = [...this.waiting.keys(), ...this.running.keys()].sort();
    const key = keys[which % Math.max(1, keys.length)] ?? '';
    this.waiting.delete(key);
    this.running.delete(key);
    this.#nominations.delete(key);
  }

  change(name: string, over: Partial<QueueView>): void {
    this.queues = this.queues.map((one) => (one.name === name ? { ...one, ...over } : one));
  }

  /** Pods of those that are pushed out are gone: they queue again with their old age. */
  clean(): void {
    for (const [key, held] of this.running) {
      if (!held.ending) continue;
      this.running.delete(key);
      this.waiting.set(key, held.workload);
    }
  }

  quota(): NaiveQuota {
    return new NaiveQuota(this.queues, [...this.running.values()]);
  }

  /** Runs a cycle, checks it, and carries it out. @returns its plan */
  cycle(): CyclePlan {
    this.now += MINUTE;
    const cycle = new Cycle([...this.waiting.values()], this.#snapshot(), this.now);
    cycle.step(Number.POSITIVE_INFINITY);
    const plan = cycle.plan();
    const answered = [...plan.admitted, ...plan.pending].map((one) => one.workload.key).sort();
    must(answered.join() === [...this.waiting.keys()].sort().join(), 'each that waits is answered once');
    for (const key of plan.lapsed) this.#nominations.delete(key);
    for (const admit of plan.admitted) this.#admit(admit);
    for (const { workload: winner, nomination } of plan.nominated) {
      this.#checkVictims(winner, nomination);
      this.#nominations.set(winner.key, nomination);
      this.preempted += nomination.victims.length;
      for (const { key } of nomination.victims) (this.running.get(key) as Held).ending = true;
    }
    return plan;
  }

  /** Cycles until nothing moves any more, with no news from outside. @returns the last plan: why the others wait */
  settle(): CyclePlan {
    for (let rounds = 1; ; rounds += 1) {
      const plan = this.cycle();
      const isEnding = [...this.running.values()].some(({ ending }) => ending);
      this.clean();
      // A place that is kept is taken or given up in the end.
      const moves = plan.admitted.length + plan.nominated.length + plan.lapsed.length + this.#nominations.size;
      if (moves === 0 && !isEnding) {
        return plan;
      }
      // Each round admits or pushes out somebody; a work that goes round and round never ends.
      must(rounds < 40 + 4 * (this.waiting.size + this.running.size), 'preemption comes to an end');
    }
  }

  /** Boards of a node that nobody holds. */
  free(place: Place, node: NodeState): number {
    const held = [...this.running.values()].filter((one) => one.cluster === place.name);
    const used = held.reduce(
      (sum, one) => sum + one.nodes.filter((name) => name === node.name).length * one.perPod.gpuMilli,
      0,
    );
    return boards(node.boards) - used;
  }

  /** Pods of this size that fit on the nodes of a place now. */
  room(place: Place, countPerNode: number): number {
    if (place.lost) return 0;
    const usable = place.nodes.filter((node) => node.usable);
    return usable.reduce(
      (sum, node) => sum + Math.max(0, Math.floor(this.free(place, node) / boards(countPerNode))),
      0,
    );
  }

  /** Charges of a workload in a place, by definition; undefined: no row covers it. */
  charges({ queue: leaf, request }: Workload, place: Place) {
    const keys = this.quota().keys(leaf, 'H100', place.name);
    if (keys.length === 0) return undefined;
    const milliGpus = boards(request.pods * (request.accelerators[0]?.countPerNode ?? 0));
    return keys.map(({ accelerator, region }) => ({ accelerator, region, milliGpus }));
  }

  #admit({ workload: one, cluster: name, nodes: on, queueCharges, gpusPerNode }: Admit): void {
    const place = this.places.find((other) => other.name === name);
    if (place === undefined) throw new Error(`no cluster ${name}`);
    must(on.length === one.request.pods, `${one.key} is whole`);
    must(!place.lost, `${name} can be reached`);
    const charges = this.charges(one, place) ?? [];
    const texts = (list: readonly object[]) =>
      list
        .map((charge) => JSON.stringify(charge))
        .sort()
        .join();
    must(texts(charges) === texts(queueCharges), `charges of ${one.key}`);
    const use = { queue: one.queue, charges };
    must(this.quota().admits(use), `quota of ${one.queue} for ${one.key}`);
    this.waiting.delete(one.key);
    this.#nominations.delete(one.key);
    this.running.set(one.key, {
      ...{ key: one.key, namespace: one.namespace, name: one.name, kind: one.kind, workload: one },
      ...{ queue: one.queue, cluster: name, accelerator: 'H100', priority: one.priority, charges, nodes: on },
      ...{ preemptible: true, ending: false, admittedAt: this.now, lossSince: this.now },
      endsAt: Number.POSITIVE_INFINITY,
      perPod: { gpuMilli: gpusPerNode * 1000, cpuMilli: one.request.cpuMilli, memoryMi: one.request.memoryMi },
    });
    for (const node of place.nodes.filter(({ name: nodeName }) => on.includes(nodeName))) {
      must(node.usable && this.free(place, node) >= 0, `room on ${node.name} for ${one.key}`);
    }
  }

  /** Only who the policies give up, and nobody who is leaving already. */
  #checkVictims(winner: Workload, { victims }: Nomination): void {
    must(victims.length > 0, 'somebody makes room');
    const policy = this.queues.find(({ name }) => name === winner.queue)?.preemption as PreemptionPolicy;
    for (const { key } of victims) {
      const victim = this.running.get(key);
      must(victim?.ending === false, `${key} runs`);
      const lower = (victim as Held).priority < winner.priority;
      if (victim?.queue === winner.queue)
        must(policy.withinQueue === 'LowerPriority' && lower, `${key} within its queue`);
      else must(policy.reclaim === 'Any' || lower, `${key} of another queue`);
    }
  }

  #snapshot(): Snapshot {
    return snapshot({
      clusters: this.places.map((place) =>
        cluster(place.name, {
          ...(place.lost ? { unusable: { reason: 'Unreachable', message: 'it does not answer' } } : {}),
          nodes: nodes(
            place.nodes.map((node) => ({
              name: node.name,
              gpus: node.boards,
              gpusFree: this.free(place, node) / 1000,
              usable: node.usable,
            })),
          ),
        }),
      ),
      queues: this.queues,
      quotaUse: [...this.running.values()],
      running: () => [...this.running.values()],
      nominations: this.#nominations,
    });
  }
}

export function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`broken: ${what}`);
}

export const leafOf = (name: string, parent: string, over: Partial<QueueView> = {}): QueueView =>
  queue(name, { parent, quota: [], ...over });
