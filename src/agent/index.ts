export { Agent, type AgentOptions } from './agent.ts';
export { portOf, serve } from './http.ts';
export { PodResources } from './pod-resources.ts';
export { bootId, loadState, StateFileError } from './state-file.ts';
