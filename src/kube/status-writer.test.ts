import { describe, expect, it } from 'vitest';
import { MemoryMetrics } from '../runtime/metrics.ts';
import type { BodyOptions } from './client.ts';
import { KubeError } from './errors.ts';
import type { Resource } from './resource.ts';
import { StatusWriter } from './status-writer.ts';

const THINGS: Resource = { group: 'x.dev', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true };

interface Call {
  readonly options: BodyOptions;
  readonly resolve: (object: object) => void;
  readonly reject: (error: unknown) => void;
}

/** A client whose answers the test gives one by one. */
function setup(concurrency?: number) {
  const calls: Call[] = [];
  const client = {
    mergePatch: (_resource: Resource, options: BodyOptions) =>
      new Promise<never>((resolve, reject) => calls.push({ options, resolve: resolve as never, reject })),
  };
  const metrics = new MemoryMetrics();
  const writer = new StatusWriter({ client, metrics, ...(concurrency ? { concurrency } : {}) });
  return { writer, calls, metrics };
}

function thing(name: string, resourceVersion: string, status?: object) {
  return { metadata: { name, namespace: 'ns', uid: `u-${name}`, resourceVersion }, ...(status ? { status } : {}) };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('StatusWriter', () => {
  it('sends the least patch, on condition of the version seen', async () => {
    const { writer, calls } = setup();
    const done = writer.writeObject(THINGS, thing('a', '7', { phase: 'A', old: 1, same: 2 }), { phase: 'B', same: 2 });
    expect(calls[0]?.options).toEqual({
      namespace: 'ns',
      name: 'a',
      subresource: 'status',
      body: { metadata: { resourceVersion: '7', uid: 'u-a' }, status: { phase: 'B', old: null } },
    });
    calls[0]?.resolve(thing('a', '8'));
    expect(await done).toEqual({ outcome: 'written', object: thing('a', '8') });
    await settle();
    expect(writer.pending).toBe(0);
  });

  it('sends nothing when nothing changes', async () => {
    const { writer, calls } = setup();
    expect(await writer.write(THINGS, thing('a', '7', { a: [1] }), { a: [1] })).toBe('unchanged');
    expect(await writer.write(THINGS, thing('a', '7'), {})).toBe('unchanged');
    expect(calls).toHaveLength(0);
  });

  it('writes one object once at a time, and of those that wait only the newest', async () => {
    const { writer, calls, metrics } = setup();
    const first = writer.write(THINGS, thing('a', '1'), { n: 1 });
    const second = writer.write(THINGS, thing('a', '1'), { n: 2 });
    const third = writer.write(THINGS, thing('a', '2'), { n: 3 });
    const other = writer.write(THINGS, thing('b', '1'), { n: 1 });
    expect(calls).toHaveLength(2);
    calls[0]?.resolve(thing('a', '2'));
    calls[1]?.resolve(thing('b', '2'));
    await settle();
    expect(calls).toHaveLength(3);
    expect(calls[2]?.options.body).toMatchObject({ metadata: { resourceVersion: '2' }, status: { n: 3 } });
    calls[2]?.resolve(thing('a', '3'));
    expect(await Promise.all([first, second, third, other])).toEqual(['written', 'written', 'written', 'written']);
    expect(metrics.value('aidc_status_writes_total', { resource: 'things.x.dev', outcome: 'superseded' })).toBe(1);
  });

  it('puts what was written into the store, each by the version it was derived from', async () => {
    const { writer, calls } = setup();
    const seen: unknown[] = [];
    const store = {
      applyIfCurrent: (object: object, basedOn: string | undefined) => {
        seen.push([object, basedOn]);
        return true;
      },
    };
    const written = writer.writeObject(THINGS, thing('a', '1'), { n: 1 }, store);
    const refused = writer.writeObject(THINGS, thing('b', '1'), { n: 1 }, store);
    calls[0]?.resolve(thing('a', '2'));
    calls[1]?.reject(new KubeError('x', { status: 409, reason: 'Conflict' }));
    await Promise.all([written, refused]);
    expect(seen).toEqual([[thing('a', '2'), '1']]);
  });

  it('does not send what was derived from a version that it has just replaced', async () => {
    const { writer, calls, metrics } = setup();
    const first = writer.write(THINGS, thing('a', '1'), { n: 1 });
    const second = writer.write(THINGS, thing('a', '1'), { n: 2 });
    calls[0]?.resolve(thing('a', '2'));
    expect(await Promise.all([first, second])).toEqual(['written', 'conflict']);
    expect(calls).toHaveLength(1);
    expect(metrics.value('aidc_status_writes_total', { resource: 'things.x.dev', outcome: 'conflict' })).toBe(1);
  });

  it('sends what waits behind a write that failed or changed nothing', async () => {
    const { writer, calls } = setup();
    const first = writer.write(THINGS, thing('a', '1'), { n: 1 });
    const second = writer.write(THINGS, thing('a', '1'), { n: 2 });
    calls[0]?.reject(new Error('cut'));
    await expect(first).rejects.toThrow('cut');
    await settle();
    const third = writer.write(THINGS, thing('a', '1'), { n: 3 });
    calls[1]?.resolve(thing('a', '1'));
    await settle();
    calls[2]?.resolve(thing('a', '2'));
    expect(await Promise.all([second, third])).toEqual(['written', 'written']);
  });

  it('bounds the writes in flight', async () => {
    const { writer, calls } = setup(2);
    const all = ['a', 'b', 'c'].map((name) => writer.write(THINGS, thing(name, '1'), { n: 1 }));
    expect(calls).toHaveLength(2);
    calls[0]?.resolve(thing('a', '2'));
    await settle();
    expect(calls).toHaveLength(3);
    calls[1]?.resolve(thing('a', '2'));
    calls[2]?.resolve(thing('a', '2'));
    await Promise.all(all);
  });

  it('tells conflict and absence as outcomes, and rejects with the rest', async () => {
    const { writer, calls } = setup();
    const conflict = writer.write(THINGS, thing('a', '1'), { n: 1 });
    calls[0]?.reject(new KubeError('x', { status: 409, reason: 'Conflict' }));
    expect(await conflict).toBe('conflict');
    const gone = writer.write(THINGS, thing('a', '1'), { n: 1 });
    calls[1]?.reject(new KubeError('x', { status: 404, reason: 'NotFound' }));
    expect(await gone).toBe('gone');
    const invalid = writer.write(THINGS, thing('a', '1'), { n: 1 });
    calls[2]?.reject(new KubeError('bad field', { status: 422, reason: 'Invalid' }));
    await expect(invalid).rejects.toThrow('bad field');
    await expect(writer.write(THINGS, { metadata: { name: 'a' } }, { n: 1 })).rejects.toThrow(/no resourceVersion/);
    expect(writer.pending).toBe(0);
  });
});
