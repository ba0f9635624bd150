export { feed } from './feed.ts';
export * from './lookup.ts';
export * from './stores.ts';
