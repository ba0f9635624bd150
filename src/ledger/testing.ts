import { KubeError } from '../kube/errors.ts';

/** For tests: serves ConfigMaps from memory, with versions. */
export function fakeClient() {
  const maps = new Map<string, { metadata: { name: string; resourceVersion: string } }>();
  let version = 0;
  const put = (name: string, body: object, wanted: string | undefined) => {
    if (maps.get(name)?.metadata.resourceVersion !== wanted)
      throw new KubeError('conflict', { reason: 'Conflict', status: 409 });
    version += 1;
    const { metadata, ...rest } = structuredClone(body) as { metadata: object };
    const stored = { ...rest, metadata: { ...metadata, name, resourceVersion: `${version}` } };
    maps.set(name, stored);
    return Promise.resolve(stored);
  };
  return {
    maps,
    list: () => Promise.resolve({ items: structuredClone([...maps.values()]) }),
    create: (_: unknown, { body }: { body: { metadata: { name: string } } }) =>
      put(body.metadata.name, body, undefined),
    replace: (_: unknown, { name, body }: { name: string; body: { metadata: { resourceVersion: string } } }) =>
      put(name, body, body.metadata.resourceVersion),
  };
}
