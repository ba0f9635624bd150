import type { NodeTable } from '../core/model.ts';

/**
 * Free boards by type on usable nodes that are partly in use: no pod that wants all boards of a node can have them.
 * @param types as numbered in the table
 */
export function fragmented(table: NodeTable, types: readonly string[]): Map<string, number> {
  const found = new Map(types.map((type) => [type, 0]));
  for (let row = 0; row < table.count; row += 1) {
    const type = types[table.accelerator[row] ?? -1];
    const free = Math.floor((table.gpuFree[row] ?? 0) / 1000);
    const isPart = free > 0 && free * 1000 < (table.gpuTotal[row] ?? 0);
    if (type !== undefined && isPart && table.usable[row] === 1) found.set(type, (found.get(type) ?? 0) + free);
  }
  return found;
}
