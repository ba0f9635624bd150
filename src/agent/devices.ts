/** What of a node's boards the name of a device means. */
export type Device =
  | { readonly by: 'uuid'; readonly uuid: string; readonly gpuInstance?: number }
  | { readonly by: 'mig'; readonly uuid: string }
  | { readonly by: 'minor'; readonly minor: number; readonly gpuInstance?: number }
  | { readonly by: 'index'; readonly index: number; readonly migIndex?: number };

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Replica of a board that pods share in turns; the suffix -N is HAMi's. */
const GPU_ID = new RegExp(`^(GPU-${UUID})(?:-\\d+)?$`, 'i');
const MIG_ID = new RegExp(`^MIG-${UUID}$`, 'i');
/** Before driver 470. */
const OLD_MIG_ID = new RegExp(`^MIG-(GPU-${UUID})/(\\d+)/\\d+$`, 'i');
const GKE_ID = /^nvidia(\d+)(?:\/gi(\d+))?(?:\/vgpu\d+)?$/;
const INDEX_ID = /^(\d+)(?::(\d+))?$/;

/** NVIDIA's driver of boards for DRA. It names a board after its device file; a MIG device's name tells no board. */
const DRA_DRIVER = 'gpu.nvidia.com';
const DRA_ID = /^gpu-(\d+)$/;

/** Whether this resource, or driver, hands out boards of NVIDIA. */
export const isOfNvidia = (resource: string): boolean => resource.startsWith('nvidia.com/') || resource === DRA_DRIVER;

/** @returns undefined for what is no GPU of NVIDIA, or named in a way that is not known */
export function deviceOf(resource: string, id: string): Device | undefined {
  const bare = id.replace(/::\d+$/, '');
  const gpu = GPU_ID.exec(bare)?.[1];
  if (gpu !== undefined) return { by: 'uuid', uuid: gpu };
  if (MIG_ID.test(bare)) return { by: 'mig', uuid: bare };
  const [, oldGpu, oldInstance] = OLD_MIG_ID.exec(bare) ?? [];
  if (oldGpu !== undefined) return { by: 'uuid', uuid: oldGpu, gpuInstance: Number(oldInstance) };
  const draMinor = resource === DRA_DRIVER ? DRA_ID.exec(bare)?.[1] : undefined;
  if (draMinor !== undefined) return { by: 'minor', minor: Number(draMinor) };
  // Numbers alone are names of many kinds of devices.
  if (!resource.startsWith('nvidia.com/')) return undefined;
  const [, minor, instance] = GKE_ID.exec(bare) ?? [];
  if (minor !== undefined) {
    return { by: 'minor', minor: Number(minor), ...(instance === undefined ? {} : { gpuInstance: Number(instance) }) };
  }
  const [, index, migIndex] = INDEX_ID.exec(bare) ?? [];
  if (index === undefined) return undefined;
  return { by: 'index', index: Number(index), ...(migIndex === undefined ? {} : { migIndex: Number(migIndex) }) };
}
