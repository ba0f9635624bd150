export * from './lookup.ts';
export * from './stores.ts';
