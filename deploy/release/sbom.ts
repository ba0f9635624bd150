import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A bill of materials in CycloneDX's JSON, as far as it is read here. */
export interface Sbom {
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

export interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly dev?: boolean }>>;
}

/**
 * What we put into the image: the production dependencies of the lock file, as npm lists them, and Node. Needs no network
 * and nothing installed. The packages of the base image's system are not in it: a scanner of images reads these.
 * @param root the repository
 */
export async function sbomOf(root: string): Promise<Sbom> {
  const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(root, name), 'utf8')) as T;
  const { packages } = await read<Lock>('package-lock.json');
  const manifest = await read<{ name: string; version: string; devDependencies: { node: string } }>('package.json');
  // Not `--omit dev`: with that npm also leaves out what a dev dependency needs beside a production one, such as zod.
  const sbom = JSON.parse(await npm(root, 'sbom', '--sbom-format=cyclonedx', '--sbom-type=application')) as Sbom;
  const ofProduction = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  const kept = new Set(ofProduction.map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`));
  const node = nodeComponent(manifest.devDependencies.node);
  const itself = sbom.metadata.component['bom-ref'];
  const dependencies = sbom.dependencies
    .filter(({ ref }) => ref === itself || kept.has(ref))
    .map(({ ref, dependsOn }) => ({
      ref,
      dependsOn: [...(ref === itself ? [node['bom-ref']] : []), ...dependsOn.filter((on) => kept.has(on))],
    }));
  return {
    ...sbom,
    // npm calls the package by the folder it is in.
    metadata: { ...sbom.metadata, component: { ...sbom.metadata.component, name: manifest.name } },
    components: [node, ...sbom.components.filter((component) => kept.has(component['bom-ref']))],
    dependencies: [...dependencies, { ref: node['bom-ref'], dependsOn: [] }],
  };
}

async function npm(cwd: string, ...args: string[]): Promise<string> {
  const program = process.env.npm_execpath;
  const command = program === undefined ? (['npm'] as const) : ([process.execPath, program] as const);
  const [file, ...before] = command;
  const options = { cwd, maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)(file, [...before, ...args, '--package-lock-only'], options)).stdout;
}

/** The Node of the image: a test holds the Dockerfile to the version of the dev dependency. */
const nodeComponent = (version: string): Component => ({
  'bom-ref': `node@${version}`,
  type: 'platform',
  name: 'node',
  version,
  purl: `pkg:generic/node@${version}`,
  licenses: [{ license: { id: 'MIT' } }],
});
