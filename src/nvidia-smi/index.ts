/**
 * A parser of `nvidia-smi -q -x`: pure, typed, for every driver generation with DTD v9 to v13.
 *
 * ```ts
 * import { parseNvidiaSmi, valueIn } from 'aidc-operator/nvidia-smi';
 *
 * const { gpus } = parseNvidiaSmi(output);
 * for (const { uuid, power } of gpus) console.log(valueIn(uuid), valueIn(power.board.watts), power.board.source);
 * ```
 *
 * Every value is a {@link Reading}, which keeps `value`, `absent`, `unsupported` and `failed` apart. Not in the document
 * are: energy counters, XIDs, the UUID and profile of MIG devices. Names of processes are left out on purpose.
 */

export type { UnknownValue } from './block.ts';
export type * from './model.ts';
export { parseNvidiaSmi } from './parse.ts';
export { type Reading, valueIn } from './reading.ts';
export { MAX_DOCUMENT_BYTES, NvidiaSmiError } from './xml.ts';
