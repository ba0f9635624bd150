import { LABEL } from '../api/index.ts';
import type { EnergySource } from '../energy/index.ts';
import type { Store, Stored } from '../kube/store.ts';
import type { Member, MemberNode, MemberSource } from '../regions/index.ts';
import type { HubStores } from './stores.ts';

export interface FeedOptions {
  readonly kind: 'ModelTraining' | 'ModelServing';
  readonly hub: HubStores;
  readonly members: MemberSource;
  readonly energy: EnergySource;
  /** Look at this object again. */
  readonly enqueue: (key: string) => void;
  /** Keys of all objects that are not finished. */
  readonly unfinished: () => Iterable<string>;
  /** Keys of objects that hold nodes in this cluster. */
  readonly holdersIn: (cluster: string) => Iterable<string>;
}

/**
 * Which objects to look at again when something around them changes: their member objects, the nodes they run on,
 * their member's reachability, what their evaluation depends on, and when more is known of their energy. Handlers only
 * enqueue keys.
 */
export function feed(options: FeedOptions): void {
  const { hub, members, enqueue } = options;
  const all = (): void => {
    for (const key of options.unfinished()) enqueue(key);
  };
  // Status writes of these kinds happen often and change nothing for a workload.
  const onSpec = <T extends Stored>(store: Store<T>): void => {
    store.subscribe((event) => {
      if (event.type !== 'updated' || event.old?.metadata.generation !== event.obj.metadata.generation) all();
    });
  };
  onSpec(hub.queues);
  onSpec(hub.clusters);
  onSpec(hub.datasets);
  hub.priorityClasses.subscribe(all);
  hub.namespaces.subscribe((event) => {
    if (event.type === 'updated' && sameLabels(event.old?.metadata.labels, event.obj.metadata.labels)) return;
    const prefix = `${event.obj.metadata.name}/`;
    for (const key of options.unfinished()) if (key.startsWith(prefix)) enqueue(key);
  });
  options.energy.onChange(({ kind, namespace, name }) => {
    if (kind === options.kind) enqueue(`${namespace}/${name}`);
  });
  members.subscribe({ attach: (member) => followMember(options, member, all), changed: () => all() });
}

function followMember(options: FeedOptions, member: Member, all: () => void): () => void {
  const ours = (object: { metadata: { namespace?: string; labels: Readonly<Record<string, string>> } }): void => {
    const { labels, namespace } = object.metadata;
    if (labels[LABEL.kind] === options.kind) options.enqueue(`${namespace}/${labels[LABEL.workload]}`);
  };
  const off = [
    member.jobs.subscribe((event) => ours(event.obj)),
    member.replicas.subscribe((event) => ours(event.obj)),
    member.pods.subscribe((event) => ours(event.obj)),
    member.namespaces.subscribe((event) => {
      if (event.type !== 'updated') all();
    }),
    member.nodes.subscribe((event) => {
      if (nodeHealthChanged(event.old, event.obj, event.type)) {
        for (const key of options.holdersIn(member.name)) options.enqueue(key);
      }
    }),
  ];
  return () => {
    for (const unsubscribe of off) unsubscribe();
  };
}

const nodeHealthChanged = (old: MemberNode | undefined, node: MemberNode, type: string): boolean =>
  type === 'deleted' || (old !== undefined && (old.ready !== node.ready || old.bootId !== node.bootId));

const sameLabels = (a: object | undefined, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);
