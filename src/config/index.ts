export * from './agent.ts';
export * from './config.ts';
export { ConfigError } from './settings.ts';
