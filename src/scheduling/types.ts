import type { Admit, Nominated, Nomination, NotAdmitted, QueueCharge, Workload } from '../core/model.ts';
import type { PodUse } from '../regions/index.ts';
import type { Started } from './start-times.ts';

/** A workload (or replica) that holds nodes and quota: what its `status.admission` says. */
export interface Holder {
  /** Workload.key. */
  readonly key: string;
  readonly kind: Workload['kind'];
  /** Of its object. */
  readonly uid: string;
  /** 0: assumed, not yet seen in the watch. */
  readonly attempt: number;
  /** Inventory run key: `<uid>/<attempt>`. */
  readonly run: string;
  readonly namespace: string;
  readonly name: string;
  readonly cluster: string;
  readonly queue: string;
  readonly charges: readonly QueueCharge[];
  /** Type, or '' for CPU only. */
  readonly accelerator: string;
  readonly priority: number;
  readonly preemptible: boolean;
  /** It is giving its nodes back. */
  readonly ending: boolean;
  readonly admittedAtMs: number;
  /** What it did since then is lost when it ends now: the last checkpoint, else the start; in ms. */
  readonly lossSince: () => number;
  /** Node of each pod in rank order. */
  readonly nodes: readonly string[];
  readonly perPod: PodUse;
}

export type BindResult = 'bound' | 'conflict' | 'gone' | 'failed';

/** What a model kind does with the scheduler's answers. */
export interface Binder {
  /** Writes the admission into the object's status. Resolves after the write; never throws. */
  bind(admit: Admit, epoch: number, nowMs: number): Promise<{ result: BindResult; resourceVersion?: string }>;
  /** Writes onto the object that a place is being cleared for it. @returns whether that is stored; never throws */
  nominate(nominated: Nominated): Promise<boolean>;
  /** Look at the object of this key again. */
  wake(holder: Pick<Holder, 'namespace' | 'name'>): void;
  /** Told after a cycle; says on the object why it waits. Must not block. */
  notAdmitted(answer: NotAdmitted): void;
}

/** How long a workload has run, for the estimates of its queue. */
export interface Service {
  readonly queue: string;
  /** Workloads of one group resemble each other: the namespace. */
  readonly group: string;
  readonly gpus: number;
  readonly submittedAtMs: number;
  /** Over all its attempts. */
  readonly attainedSeconds: number;
  /** As of this time, in ms; undefined: it does not run. */
  readonly runningAtMs?: number;
  /** Seconds that its program says to need more, as of the same time; below 0: it has run so much longer than it said. */
  readonly declaredSeconds?: number;
  /** It is ended when it has run so long over all its attempts. */
  readonly limitSeconds?: number;
  /** Set when it is over: it ended by itself, or was withdrawn before. */
  readonly end?: 'Ended' | 'Withdrawn';
}

/** What the scheduler is told of one workload each time its object changes. */
export interface Observation {
  readonly key: string;
  readonly kind: Workload['kind'];
  /** resourceVersion of the object the observation was made from. */
  readonly resourceVersion: string;
  /** Set: it holds an admission. */
  readonly holder?: Holder;
  /** Set: it wants one now. */
  readonly pending?: Workload;
  /** Set: by its status a place is being cleared for it; taken up by a process that does not know of it yet. */
  readonly nomination?: Nomination | undefined;
  readonly service?: Service;
  /** Set while it runs. */
  readonly started?: Started | undefined;
}
