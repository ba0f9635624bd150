/** All but `kubeconfig.ts`, which loads a large library: import that one by its own path, where it is needed. */
export * from './client.ts';
export type * from './credentials.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './finalizers.ts';
export * from './leader-elector.ts';
export * from './merge-patch.ts';
export * from './micro-time.ts';
export * from './reflector.ts';
export * from './resource.ts';
export * from './status-writer.ts';
export * from './store.ts';
export type { WatchEvent } from './watch.ts';
