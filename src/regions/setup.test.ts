import { describe, expect, it } from 'vitest';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/resource.ts';
import { setUp } from './setup.ts';

const error = (status: number, reason: string) => new KubeError(reason, { status, reason });

/** A cluster that holds objects by `plural/name` and refuses `verb plural`. */
class Fake {
  readonly objects = new Map<string, KubeObject & { data?: Record<string, string> }>();
  readonly refuse = new Set<string>();
  readonly created: string[] = [];
  minor = '36';

  async serverVersion() {
    if (this.refuse.has('get version')) throw error(403, 'Forbidden');
    return { major: '1', minor: this.minor, gitVersion: `v1.${this.minor}.0` };
  }

  async get(resource: Resource, { name }: { name: string }): Promise<KubeObject> {
    if (this.refuse.has(`get ${resource.plural}`)) throw error(403, 'Forbidden');
    const found = this.objects.get(`${resource.plural}/${name}`);
    if (found === undefined) throw error(404, 'NotFound');
    return found;
  }

  async create(resource: Resource, { body }: { body: KubeObject }): Promise<void> {
    if (this.refuse.has(`create ${resource.plural}`)) throw error(403, 'Forbidden');
    const key = `${resource.plural}/${body.metadata.name}`;
    if (this.objects.has(key)) throw error(409, 'AlreadyExists');
    this.created.push(key);
    this.objects.set(key, body);
  }

  claim(hubId: string): this {
    this.objects.set('configmaps/aidc-hub-claim', { metadata: { name: 'aidc-hub-claim' }, data: { hubId } });
    return this;
  }

  priorityClass(): this {
    this.objects.set('priorityclasses/aidc-workload', { metadata: { name: 'aidc-workload' } });
    return this;
  }

  without(...verbs: string[]): this {
    for (const verb of verbs) this.refuse.add(verb);
    return this;
  }
}

const run = (fake: Fake) => setUp(fake as unknown as KubeClient, 'hub-1', {});

describe('setUp', () => {
  it('makes what is missing, once', async () => {
    const fake = new Fake();
    expect(await run(fake)).toEqual({ version: 'v1.36.0' });
    expect(fake.created).toEqual([
      'namespaces/aidc-system',
      'configmaps/aidc-hub-claim',
      'priorityclasses/aidc-workload',
    ]);
    expect(fake.objects.get('configmaps/aidc-hub-claim')?.data).toEqual({ hubId: 'hub-1' });
    expect(fake.objects.get('priorityclasses/aidc-workload')).toMatchObject({ value: 0, preemptionPolicy: 'Never' });
    fake.created.length = 0;
    expect(await run(fake)).toEqual({ version: 'v1.36.0' });
    expect(fake.created).toEqual([]);
  });

  it('needs no right to create what is there', async () => {
    const fake = new Fake().claim('hub-1').priorityClass();
    expect(await run(fake.without('create namespaces', 'create configmaps', 'create priorityclasses'))).toEqual({
      version: 'v1.36.0',
    });
  });

  it('leaves a cluster of another hub alone', async () => {
    const fake = new Fake().claim('hub-2');
    expect(await run(fake)).toMatchObject({ problem: { reason: 'ManagedByOtherHub' } });
    expect(fake.created).toEqual([]);
  });

  it('sees when another hub was quicker', async () => {
    const fake = new Fake();
    const create = fake.create.bind(fake);
    fake.create = async (resource, options) => {
      if (resource.plural === 'configmaps') fake.claim('hub-2');
      await create(resource, options);
    };
    expect((await run(fake)).problem?.reason).toBe('ManagedByOtherHub');
  });

  it.each([
    ['no right to read the claim', new Fake().without('get configmaps'), 'Grant get and create of ConfigMaps'],
    ['no right to make the claim', new Fake().without('create configmaps'), 'data.hubId "hub-1"'],
    ['no right to make the namespace', new Fake().without('create namespaces'), 'create that namespace'],
    [
      'no right to make the PriorityClass',
      new Fake().without('create priorityclasses'),
      'Create it there with value 0',
    ],
  ])('says what is missing: %s', async (_name, fake, sentence) => {
    const { problem } = await run(fake);
    expect(problem).toMatchObject({ reason: 'SetupRefused', message: expect.stringContaining(sentence) });
  });

  it('only remarks that the PriorityClass may not be read', async () => {
    const result = await run(new Fake().claim('hub-1').without('get priorityclasses'));
    expect(result.problem).toBeUndefined();
    expect(result.note).toContain('PriorityClass aidc-workload cannot be read');
  });

  it('does not touch a cluster that is too old', async () => {
    const fake = new Fake();
    fake.minor = '30';
    expect(await run(fake)).toMatchObject({
      version: 'v1.30.0',
      problem: { reason: 'KubernetesTooOld', message: expect.stringContaining('v1.30.0; 1.31 or newer is needed') },
    });
    expect(fake.created).toEqual([]);
  });

  it('does without a version that may not be read', async () => {
    expect(await run(new Fake().without('get version'))).toEqual({});
  });

  it('rejects when there is no answer', async () => {
    const fake = new Fake();
    fake.get = () => Promise.reject(error(503, 'ServiceUnavailable'));
    await expect(run(fake)).rejects.toThrow('ServiceUnavailable');
  });
});
