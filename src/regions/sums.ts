import type { Amounts } from './types.ts';

export interface Sum {
  cpu: number;
  memory: number;
  gpu: number;
  pods: number;
}
export const none = (): Sum => ({ cpu: 0, memory: 0, gpu: 0, pods: 0 });

/** What one run takes on one node: reserved by the hub, and its pods as seen in the member. */
export interface RunOnNode {
  reserved: Sum;
  readonly pods: Map<string, Amounts>;
}

export function addAmounts(sum: Sum, amounts: Amounts, resource: string | undefined): void {
  sum.cpu += amounts.cpuMilli;
  sum.memory += amounts.memoryMi;
  sum.gpu += resource === undefined ? 0 : (amounts.extended[resource] ?? 0) * 1000;
  sum.pods += 1;
}

export function seen(run: RunOnNode, resource: string | undefined): Sum {
  const sum = none();
  for (const pod of run.pods.values()) addAmounts(sum, pod, resource);
  return sum;
}

export function addLarger(sum: Sum, run: RunOnNode, resource: string | undefined): void {
  const pods = seen(run, resource);
  sum.cpu += Math.max(run.reserved.cpu, pods.cpu);
  sum.memory += Math.max(run.reserved.memory, pods.memory);
  sum.gpu += Math.max(run.reserved.gpu, pods.gpu);
  sum.pods += Math.max(run.reserved.pods, pods.pods);
}
