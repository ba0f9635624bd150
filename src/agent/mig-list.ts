/** UUIDs of MIG devices, by UUID of the board and index of the device. */
export type MigUuids = ReadonlyMap<string, ReadonlyMap<number, string>>;

const GPU_LINE = /^GPU \d+: .*\(UUID: (GPU-[0-9a-f-]{36})\)\s*$/i;
const MIG_LINE = /^\s+MIG \S+\s+Device\s+(\d+):\s+\(UUID: (MIG-[^()\s]{1,100})\)\s*$/i;

/** Reads what `nvidia-smi -L` prints; lines that are something else are skipped. */
export function parseMigList(text: string): MigUuids {
  const boards = new Map<string, Map<number, string>>();
  let devices: Map<number, string> | undefined;
  for (const line of text.split('\n')) {
    const gpu = GPU_LINE.exec(line)?.[1];
    if (gpu !== undefined) {
      devices = new Map();
      boards.set(gpu, devices);
    }
    const [, index, uuid] = MIG_LINE.exec(line) ?? [];
    if (index !== undefined && uuid !== undefined) devices?.set(Number(index), uuid);
  }
  return boards;
}
