import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeClient } from '../../../src/kube/client.ts';
import type { KubeObject, Resource } from '../../../src/kube/resource.ts';

/** What a sample must come to, by its annotation; anything without one only has to be accepted. */
export type Expectation = 'Succeeded' | 'Ready' | 'Unmet' | 'Answered';
const EXPECT = 'samples.aidc.dev/expect';

export interface Sample {
  readonly object: KubeObject;
  readonly expect?: Expectation;
}

/** Every object of the YAML files in a folder, in the order of their names. */
export async function readManifests(folder: string, wanted: (file: string) => boolean): Promise<Sample[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml') && wanted(file)).sort();
  const samples: Sample[] = [];
  for (const file of files) {
    for (const document of parseAllDocuments(await readFile(join(folder, file), 'utf8'))) {
      if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]?.message}`);
      const object = document.toJS() as KubeObject | null;
      if (object === null) continue;
      const expect = object.metadata.annotations?.[EXPECT] as Expectation | undefined;
      samples.push({ object, ...(expect === undefined ? {} : { expect }) });
    }
  }
  return samples;
}

/** Kinds our manifests use, by kind; a manifest of another kind is a mistake. */
const KNOWN: Record<string, Resource> = Object.fromEntries(
  [
    ['', 'v1', 'Namespace', 'namespaces', false],
    ['', 'v1', 'Secret', 'secrets', true],
    ['scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', false],
    ['aidc.dev', 'v1alpha1', 'ComputeQueue', 'computequeues', false],
    ['aidc.dev', 'v1alpha1', 'RegionalCluster', 'regionalclusters', false],
    ['aidc.dev', 'v1alpha1', 'ModelTraining', 'modeltrainings', true],
    ['aidc.dev', 'v1alpha1', 'ModelServing', 'modelservings', true],
    ['aidc.dev', 'v1alpha1', 'Dataset', 'datasets', true],
    ['aidc.dev', 'v1alpha1', 'ComputeQuote', 'computequotes', true],
  ].map(([group, version, kind, plural, namespaced]) => [
    kind,
    { group, version, kind, plural, namespaced } as Resource,
  ]),
);

export function resourceOfObject(object: KubeObject): Resource {
  const resource = KNOWN[object.kind ?? ''];
  if (resource === undefined) throw new Error(`kind ${object.kind} is not one of ${Object.keys(KNOWN).join(', ')}`);
  return resource;
}

/** Server-side apply, as `kubectl apply --server-side` does; field errors come back as the server's sentence. */
export async function applyObject(client: KubeClient, object: KubeObject): Promise<void> {
  const resource = resourceOfObject(object);
  const { name, namespace } = object.metadata;
  await client.apply(resource, {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    body: object,
    fieldManager: 'aidc-start',
    force: true,
    fieldValidation: 'Strict',
  });
}
