export { checkAgents, checkKinds, type Findings } from './check.ts';
export { letGo } from './let-go.ts';
