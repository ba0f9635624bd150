import { Block, type Notes } from './block.ts';
import { readGpu } from './gpu.ts';
import type { Gpu, NvidiaSmiDocument } from './model.ts';
import { count, type Reading, text } from './reading.ts';
import { NvidiaSmiError, readXml } from './xml.ts';

/**
 * Parses the output of `nvidia-smi -q -x` of any driver with DTD v9 to v13 (384 to 595 and later).
 *
 * @param input what it printed, at most 8 MiB; bytes are read as UTF-8, those that are not are replaced
 * @returns the readings; the result holds on to nothing of the input
 * @throws NvidiaSmiError, and nothing else, when the input is no such document or a truncated one
 */
export function parseNvidiaSmi(input: string | Uint8Array): NvidiaSmiDocument {
  const { dtd, root, processesDropped } = readXml(input);
  const notes: Notes = { unknown: new Map(), failures: new Set() };
  const log = new Block(root, '', notes);
  const gpus = log.items('gpu').map(readGpu);
  const attachedGpus = log.read('attached_gpus', count);
  // Zero boards is an answer only where the driver gives it.
  if (gpus.length === 0 && attachedGpus.state !== 'value') {
    throw new NvidiaSmiError('The document holds no GPU and does not tell how many there are.');
  }
  return {
    dtd: dtd === null ? null : (text(dtd) ?? null),
    timestamp: log.read('timestamp', text),
    driverVersion: log.read('driver_version', text),
    cudaVersion: log.read('cuda_version', text),
    attachedGpus,
    gpus,
    unknownValues: [...notes.unknown.values()],
    warnings: warningsOf(attachedGpus, gpus, processesDropped),
  };
}

function warningsOf(attached: Reading<number>, gpus: readonly Gpu[], processesDropped: boolean): string[] {
  const warnings: string[] = [];
  if (attached.state === 'value' && attached.value !== gpus.length) {
    warnings.push(`The driver tells of ${attached.value} attached GPUs, but the document holds ${gpus.length}.`);
  }
  if (processesDropped) warnings.push('The lists of processes were malformed and are left out.');
  return warnings;
}
