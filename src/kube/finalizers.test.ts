import { describe, expect, it } from 'vitest';
import { KubeError } from './errors.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from './finalizers.ts';
import { type KubeObject, PODS } from './resource.ts';

const F = 'aidc.dev/run';

function pod(finalizers: string[], extra: object = {}): KubeObject {
  return { metadata: { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '7', finalizers, ...extra } };
}

/** A client with one object, whose patches fail as often as told. */
function setup(stored: KubeObject | undefined, faults: KubeError[] = []) {
  const patches: object[] = [];
  const send = async (_resource: unknown, options: { body: unknown }): Promise<never> => {
    patches.push(options.body as object);
    const fault = faults.shift();
    if (fault) throw fault;
    return stored as never;
  };
  const get = async (): Promise<never> => {
    if (!stored) throw new KubeError('x', { status: 404, reason: 'NotFound' });
    return stored as never;
  };
  return { client: { mergePatch: send, jsonPatch: send, get } as never, patches };
}

const testFailed = (): KubeError => new KubeError('test failed', { status: 422, reason: 'Invalid' });

describe('addFinalizer', () => {
  it('adds to the list on condition of the version seen', async () => {
    const { client, patches } = setup(pod(['x', F]));
    await addFinalizer(client, PODS, pod(['x']), F);
    expect(patches).toEqual([{ metadata: { finalizers: ['x', F], resourceVersion: '7', uid: 'u' } }]);
  });

  it('leaves alone what has it, and what is being deleted', async () => {
    const { client, patches } = setup(undefined);
    await addFinalizer(client, PODS, pod([F]), F);
    await addFinalizer(client, PODS, pod([], { deletionTimestamp: 'now' }), F);
    expect(patches).toEqual([]);
    expect([hasFinalizer(pod([F]), F), hasFinalizer(pod([]), F)]).toEqual([true, false]);
  });
});

describe('removeFinalizer', () => {
  it('tests the object and the place before it removes', async () => {
    const { client, patches } = setup(undefined);
    await removeFinalizer(client, PODS, pod(['x', F]), F);
    expect(patches).toEqual([
      [
        { op: 'test', path: '/metadata/uid', value: 'u' },
        { op: 'test', path: '/metadata/finalizers/1', value: F },
        { op: 'remove', path: '/metadata/finalizers/1' },
      ],
    ]);
  });

  it('reads again when the list moved', async () => {
    const { client, patches } = setup(pod([F]), [testFailed()]);
    await removeFinalizer(client, PODS, pod(['x', F]), F);
    expect(patches).toHaveLength(2);
    expect(patches[1]).toContainEqual({ op: 'remove', path: '/metadata/finalizers/0' });
  });

  it('is done when the object is gone, has lost it, or is another one', async () => {
    const gone = setup(undefined, [testFailed()]);
    await removeFinalizer(gone.client, PODS, pod([F]), F);
    const another = setup(pod([F], { uid: 'other' }), [testFailed()]);
    await removeFinalizer(another.client, PODS, pod([F]), F);
    const lost = setup(undefined);
    await removeFinalizer(lost.client, PODS, pod([]), F);
    expect([gone.patches.length, another.patches.length, lost.patches.length]).toEqual([1, 1, 0]);
  });

  it('gives up after some tries, and on other errors at once', async () => {
    const moving = setup(pod([F]), Array.from({ length: 9 }, testFailed));
    await expect(removeFinalizer(moving.client, PODS, pod([F]), F)).rejects.toThrow('test failed');
    expect(moving.patches).toHaveLength(5);
    const forbidden = setup(pod([F]), [new KubeError('no', { status: 403, reason: 'Forbidden' })]);
    await expect(removeFinalizer(forbidden.client, PODS, pod([F]), F)).rejects.toThrow('no');
  });
});
