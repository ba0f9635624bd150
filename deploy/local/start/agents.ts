import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LocalEnvironment } from '../environment.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const supervisor = join(root, 'deploy', 'local', 'supervise.sh');

/** In the run's folder: where each agent answers, as Prometheus reads it. */
export const AGENT_TARGETS = join('agents', 'targets.json');

/**
 * Node agents of the first nodes of every region, all in one process: real agents with simulated boards. It is on the
 * run's list of processes and ends with it.
 */
export async function startAgents(environment: LocalEnvironment, perRegion: number): Promise<void> {
  const kubeconfigs = [...environment.regions.values()].map(({ kubeconfigPath }) => kubeconfigPath);
  const program = [process.execPath, join(import.meta.dirname, 'agents.main.ts')];
  const args = [environment.dir, String(perRegion), ...kubeconfigs];
  const child = spawn(supervisor, ['launch', environment.dir, 'agents', ...program, ...args], { stdio: 'ignore' });
  await once(child, 'spawn');
  child.unref();
}
