/** Electric power by the model of PWR (arXiv 2412.17484, CCGrid 2025), in watts. */
import type { NodeState } from '../../../src/core/node-value/node-state.ts';
import type { Node } from './lists.ts';

interface Watts {
  readonly idle: number;
  /** Whatever part of it is used. */
  readonly used: number;
}

const A10: Watts = { idle: 30, used: 150 };
const A100: Watts = { idle: 50, used: 400 };
const V100: Watts = { idle: 30, used: 300 };
const GPU_WATTS: Readonly<Record<string, Watts>> = {
  T4: { idle: 10, used: 70 },
  P100: { idle: 25, used: 250 },
  V100M16: V100,
  V100M32: V100,
  A10,
  G2: A10,
  A100,
  G3: A100,
};
/** Of a model that the paper does not name. */
const OTHER = A10;
const SOCKET: Watts = { idle: 15, used: 120 };
const CORES_PER_SOCKET = 16;
/** Two virtual CPUs a core. */
const MILLI_PER_CORE = 2000;

/** Power of a node with what is free on it now. */
export function nodeWatts(node: Node, { holes, cpuMilli }: NodeState): number {
  const gpu = GPU_WATTS[node.model] ?? OTHER;
  let watts = 0;
  for (const free of holes.gpuMilli) watts += free < 1000 ? gpu.used : gpu.idle;
  const cores = Math.ceil(node.cpuMilli / MILLI_PER_CORE);
  const idleCores = Math.floor(cpuMilli / MILLI_PER_CORE);
  const sockets = Math.ceil(cores / CORES_PER_SOCKET);
  const active = Math.ceil((cores - idleCores) / CORES_PER_SOCKET);
  return watts + active * SOCKET.used + (sockets - active) * SOCKET.idle;
}
