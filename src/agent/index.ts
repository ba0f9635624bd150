export { Agent, type AgentOptions, type PowerCapOptions } from './agent.ts';
export { portOf, serve } from './http.ts';
export { PodResources } from './pod-resources.ts';
export { bootId, CapsFile, loadState, StateFileError } from './state-file.ts';
