import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { rootSchema } from '../../src/api/crd.ts';
import { API_VERSION, KINDS, type KindDefinition } from '../../src/api/index.ts';
import { resourceOf } from '../../src/hub/stores.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, type KubeObject, NAMESPACES } from '../../src/kube/resource.ts';
import { type Case, REFUSED_SHAPES, type RuleExample, specOf, WITH_OPTIONAL_BLOCKS } from '../repo/api-examples.ts';
import { CEL_EXAMPLES } from '../support/cel-examples.ts';
import { useEnvironment } from '../support/environment.ts';
import { clientOf } from '../support/hub.ts';

interface Stored extends KubeObject {
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
}

interface Definition extends KubeObject {
  status: { conditions: { type: string; status: string; message: string }[] };
}

const team = 'api-test';
const kindOf = (name: string): KindDefinition => {
  const found = KINDS.find(({ kind }) => kind === name);
  if (found === undefined) throw new Error(`There is no kind ${name}.`);
  return found;
};
const scopeOf = (kind: KindDefinition) => (kind.namespaced ? { namespace: team } : {});

describe('the API, as a real API server serves it', () => {
  const env = useEnvironment({ regions: [] });
  let hub: KubeClient;
  let made = 0;

  beforeAll(async () => {
    hub = clientOf(env.hub);
    await hub.create(NAMESPACES, { body: { metadata: { name: team } } });
  });
  afterAll(() => hub?.close());

  const create = (
    kind: KindDefinition,
    spec: object,
    over: { name?: string; dryRun?: boolean; status?: object } = {},
  ) =>
    hub.create<Stored>(resourceOf(kind), {
      ...scopeOf(kind),
      fieldValidation: 'Strict',
      dryRun: over.dryRun ?? false,
      body: {
        metadata: { name: over.name ?? `x${++made}` },
        spec,
        ...(over.status === undefined ? {} : { status: over.status }),
      },
    });
  const patch = (
    kind: KindDefinition,
    name: string,
    body: object,
    over: { subresource?: string; dryRun?: boolean } = {},
  ) => hub.mergePatch<Stored>(resourceOf(kind), { ...scopeOf(kind), name, fieldValidation: 'Strict', body, ...over });
  const get = (kind: KindDefinition, name: string) => hub.get<Stored>(resourceOf(kind), { ...scopeOf(kind), name });

  describe.each(KINDS.map((kind) => ({ name: kind.kind, kind })))('$name', ({ name, kind }) => {
    it('is established: the schema is structural and no rule too costly', async () => {
      const crd = await hub.get<Definition>(CUSTOM_RESOURCE_DEFINITIONS, { name: `${kind.plural}.aidc.dev` });
      const states = Object.fromEntries(crd.status.conditions.map(({ type, status }) => [type, status]));
      expect(states).toEqual({ Established: 'True', NamesAccepted: 'True' });
    });

    it.each([
      ['as little as can be written', specOf(name)],
      ['blocks that may be absent', specOf(name, WITH_OPTIONAL_BLOCKS[name])],
    ])('is stored with the defaults its schema gives: %s', async (_what, spec) => {
      const { metadata } = await create(kind, spec);
      const stored = await get(kind, metadata.name);
      expect(stored.spec).toEqual(kind.spec.parse(spec));
      // Nothing may change that the user did not write: the stored spec parses to itself.
      expect(kind.spec.parse(stored.spec)).toEqual(stored.spec);
    });

    it('is found by its names and the category, with its columns', async () => {
      const { metadata } = await create(kind, specOf(name));
      const scope = kind.namespaced ? ['-n', team] : [];
      for (const word of [kind.plural, kind.singular, ...kind.shortNames]) {
        const [header, row] = (await env.kubectl(['get', word, metadata.name, ...scope], env.hub)).split('\n');
        expect(row).toContain(metadata.name);
        for (const column of kind.columns.filter(({ wide }) => wide !== true))
          expect(header).toContain(column.name.toUpperCase());
      }
      expect(await env.kubectl(['get', 'aidc', ...scope], env.hub)).toContain(
        `${kind.singular}.aidc.dev/${metadata.name}`,
      );
    });

    it('explains its fields', async () => {
      const text = await env.kubectl(['explain', `${kind.plural}.spec`], env.hub);
      for (const field of Object.keys(rootSchema(kind).properties?.spec?.properties ?? {}))
        expect(text).toContain(field);
    });

    it('refuses a field it does not know, and no spec at all', async () => {
      const unknown = refusalOf(create(kind, { ...specOf(name), colour: 'red' }));
      expect(await unknown).toMatch(/unknown field "spec\.colour"/);
      const none = hub.create(resourceOf(kind), { ...scopeOf(kind), body: { metadata: { name: 'none' } } });
      expect(await refusalOf(none)).toMatch(/spec: Required value/);
    });

    it('keeps status apart from spec', async () => {
      const status = { observedGeneration: 1 };
      const other = specOf(name, WITH_OPTIONAL_BLOCKS[name]);
      const { metadata } = await create(kind, specOf(name), { status });
      const before = await get(kind, metadata.name);
      expect(before.status).toBeUndefined();
      const told = await patch(kind, metadata.name, { status, spec: other }, { subresource: 'status' });
      expect(told.status).toEqual(status);
      expect(told.spec).toEqual(before.spec);
      expect(told.metadata.generation).toBe(before.metadata.generation);
      const edited = await patch(kind, metadata.name, { status: { observedGeneration: 9 } });
      expect(edited.status).toEqual(status);
    });

    it('keeps the conditions of two writers of status, one entry a type', async () => {
      const { metadata } = await create(kind, specOf(name));
      const condition = (type: string) => ({
        type,
        status: 'True',
        reason: 'Test',
        message: 'Made by a test.',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      });
      const apply = (fieldManager: string, ...types: string[]) =>
        hub.apply<Stored>(resourceOf(kind), {
          ...scopeOf(kind),
          name: metadata.name,
          subresource: 'status',
          fieldManager,
          force: false,
          body: { metadata: { name: metadata.name }, status: { conditions: types.map(condition) } },
        });
      await apply('one', 'Ready', 'Seen');
      expect(typesOf(await apply('two', 'Checked'))).toEqual(['Checked', 'Ready', 'Seen']);
      expect(typesOf(await apply('one', 'Ready'))).toEqual(['Checked', 'Ready']);
    });
  });

  // That no rule is without examples is checked in test/repo/crds.test.ts.
  describe('rules', () => {
    const attempt = async ({ kind: kindName }: RuleExample, { before, spec, name }: Case): Promise<void> => {
      const kind = kindOf(kindName);
      if (before === undefined) {
        await create(kind, specOf(kindName, spec), { dryRun: true, ...(name === undefined ? {} : { name }) });
        return;
      }
      const { metadata } = await create(kind, specOf(kindName, before));
      await patch(kind, metadata.name, { spec }, { dryRun: true });
    };

    it.each(CEL_EXAMPLES.map((example) => ({ what: `${example.kind}${example.at}: ${example.message}`, example })))(
      '$what',
      async ({ example }) => {
        for (const good of example.accepted) {
          await expect(attempt(example, good), JSON.stringify(good)).resolves.toBeUndefined();
        }
        for (const bad of example.refused) {
          const error = await attempt(example, bad).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          expect(error, `${JSON.stringify(bad)} was accepted`).toBeInstanceOf(KubeError);
          expect(causesOf(error), JSON.stringify(bad)).toEqual([expect.stringContaining(example.message)]);
        }
      },
    );
  });

  it.each(REFUSED_SHAPES)('refuses %s in a %s with a sentence', async (_what, kindName, change, sentence) => {
    const kind = kindOf(kindName);
    const spec = specOf(kindName, change);
    expect(await refusalOf(create(kind, spec, { dryRun: true }))).toMatch(sentence);
  });

  it.each([
    ['ModelTraining', { trainer: { numNode: 2 } }, 'spec.trainer.numNode'],
    ['ModelTraining', { placement: { weights: { latency: 5 } } }, 'spec.placement.weights.latency'],
    ['ModelServing', { accelerators: [{ type: 'H100', countPerNode: 8, rdma: 'Any' }] }, 'spec.accelerators[0].rdma'],
    ['RegionalCluster', { location: { city: 'Gui’an' } }, 'spec.location.city'],
    ['ComputeQueue', { quota: [{ nominal: 8, borrow: 4 }] }, 'spec.quota[0].borrow'],
  ])('refuses a field deep in a %s that it does not know: %j', async (kindName, change, path) => {
    const refused = create(kindOf(kindName), specOf(kindName, change), { dryRun: true });
    expect(await refusalOf(refused)).toContain(`unknown field "${path}"`);
  });

  it('scales a ModelServing through /scale, also one that never named its replicas', async () => {
    const kind = kindOf('ModelServing');
    const { metadata } = await create(kind, specOf('ModelServing'));
    await patch(kind, metadata.name, { status: { replicas: 1, selector: 'a=b' } }, { subresource: 'status' });
    await env.kubectl(['scale', 'modelserving', metadata.name, '-n', team, '--replicas=3'], env.hub);
    expect((await get(kind, metadata.name)).spec.replicas).toBe(3);
    const scale = await hub.get<Stored>(resourceOf(kind), {
      namespace: team,
      name: metadata.name,
      subresource: 'scale',
    });
    expect(scale).toMatchObject({ spec: { replicas: 3 }, status: { replicas: 1, selector: 'a=b' } });
    const negative = env.kubectl(['scale', 'modelserving', metadata.name, '-n', team, '--replicas=257'], env.hub);
    await expect(negative).rejects.toThrow(/256/);
  });

  it.each(['ModelTraining', 'ModelServing'])('merges the accelerators two managers apply to a %s', async (name) => {
    const kind = kindOf(name);
    const apply = (fieldManager: string, accelerators: object[], rest: object) =>
      hub.apply<Stored>(resourceOf(kind), {
        namespace: team,
        name: 'merged',
        fieldManager,
        force: false,
        fieldValidation: 'Strict',
        body: { metadata: { name: 'merged' }, spec: { ...rest, accelerators } },
      });
    const [h100, ascend] = [
      { type: 'H100', countPerNode: 8 },
      { type: 'Ascend910B', countPerNode: 8 },
    ];
    await apply('one', [h100], { ...specOf(name), suspend: true });
    expect((await apply('two', [ascend], {})).spec.accelerators).toEqual([h100, ascend]);
    const conflict = apply('two', [{ ...h100, countPerNode: 4 }], {});
    expect(await refusalOf(conflict)).toMatch(/conflict with "one".*accelerators\[type="H100"\]\.countPerNode/);
    expect((await apply('two', [], {})).spec.accelerators).toEqual([h100]);
  });

  it('keeps a pod template whole, whatever is in it', async () => {
    const template = {
      metadata: { labels: { a: 'b' } },
      spec: { containers: [{ name: 'main', newField: [1, null] }] },
    };
    const { metadata } = await create(kindOf('ModelServing'), { model: { uri: 's3://m' }, template });
    expect((await get(kindOf('ModelServing'), metadata.name)).spec.template).toEqual(template);
  });

  it('accepts every sample as it is written', async () => {
    const directory = join(import.meta.dirname, '..', '..', 'deploy', 'samples');
    const objects: Stored[] = [];
    for (const file of await readdir(directory)) {
      if (!file.endsWith('.yaml')) continue;
      const documents = parseAllDocuments(await readFile(join(directory, file), 'utf8'));
      objects.push(...documents.map((document) => document.toJSON() as Stored));
    }
    const ours = objects.filter((object) => object?.apiVersion === API_VERSION);
    expect(ours.length).toBeGreaterThan(0);
    for (const object of ours) {
      const kind = kindOf(object.kind ?? '');
      const { name } = object.metadata;
      const body = { ...object, metadata: { ...object.metadata, ...scopeOf(kind) } };
      const stored = await hub.create<Stored>(resourceOf(kind), {
        ...scopeOf(kind),
        body,
        dryRun: true,
        fieldValidation: 'Strict',
      });
      expect(stored.spec, name).toEqual(kind.spec.parse(object.spec));
    }
  });
});

/** The sentence a request is refused with. */
async function refusalOf(request: Promise<unknown>): Promise<string> {
  const error = await request.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KubeError)) throw new Error(`was accepted, or failed otherwise: ${String(error)}`);
  return error.message;
}

/** What the API server found wrong, one sentence each. */
function causesOf(error: unknown): string[] {
  const body = error instanceof KubeError && typeof error.body === 'object' ? error.body : undefined;
  const causes = body?.details?.causes as { message: string; field: string }[] | undefined;
  return causes?.map(({ field, message }) => `${field}: ${message}`) ?? [String(error)];
}

function typesOf(object: Stored): string[] {
  return ((object.status?.conditions ?? []) as { type: string }[]).map(({ type }) => type).sort();
}
