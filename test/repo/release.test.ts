/** What a release consists of: the image's base, the list of what is in it, and what the published chart says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { changelogSection, changesOf, publishedChart, publishedValues } from '../../deploy/release/chart.ts';
import { obstacles, optionsOf } from '../../deploy/release/pack.ts';
import { type Component, sbomOf } from '../../deploy/release/sbom.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const { version, devDependencies } = JSON.parse(await read('package.json')) as {
  version: string;
  devDependencies: { node: string };
};

describe('the image', () => {
  it('is of the Node that the tests run on, with the glibc that nvidia-smi of the driver needs', async () => {
    const [, image = ''] = /^ARG NODE_IMAGE=(\S+)$/m.exec(await read('Dockerfile')) ?? [];
    // Debian's releases; Alpine has musl, where the driver's programs do not even start.
    expect(image).toMatch(/^node:[\d.]+-(bookworm|trixie)-slim$/);
    expect(image).toContain(`:${devDependencies.node}-`);
  });

  it('runs nothing in its last stage: other processors need no emulation', async () => {
    const last = (await read('Dockerfile')).split(/^FROM /m).at(-1) ?? '';
    expect(last).toContain('USER 65532:65532');
    expect(last).not.toMatch(/^RUN /m);
  });
});

describe('the SBOM', async () => {
  const sbom = await sbomOf(root);
  const nameOf = ({ name, version: of }: Component): string => `${name}@${of}`;

  it('lists exactly the production dependencies of the lock file, with licence and checksum, and Node', async () => {
    interface Locked {
      readonly version: string;
      readonly license: string;
      readonly integrity: string;
      readonly dev?: boolean;
    }
    const { packages } = JSON.parse(await read('package-lock.json')) as { packages: Record<string, Locked> };
    const wanted = new Map(
      Object.entries(packages)
        .filter(([path, { dev }]) => path !== '' && dev !== true)
        .map(([path, one]) => [`${path.split('node_modules/').at(-1)}@${one.version}`, one]),
    );
    const { components, metadata, dependencies, specVersion } = sbom;
    expect(specVersion).toBe('1.5');
    expect(metadata.component).toMatchObject({ name: 'aidc-operator', version, type: 'application' });
    const [node, ...ofNpm] = components;
    expect(node).toMatchObject({ name: 'node', version: devDependencies.node });
    expect(ofNpm.map(nameOf).sort()).toEqual([...wanted.keys()].sort());
    const refs = new Set([metadata.component['bom-ref'], ...components.map((component) => component['bom-ref'])]);
    expect(new Set(dependencies.map(({ ref }) => ref))).toEqual(refs);
    expect(dependencies.flatMap(({ dependsOn }) => dependsOn).filter((on) => !refs.has(on))).toEqual([]);
    for (const component of ofNpm) {
      const locked = wanted.get(nameOf(component));
      const licences = component.licenses?.map(({ license, expression }) => license?.id ?? expression);
      expect(licences, nameOf(component)).toEqual([locked?.license]);
      const [hash] = component.hashes ?? [];
      const sha512 = Buffer.from(hash?.content ?? '', 'hex').toString('base64');
      expect(`${hash?.alg} sha512-${sha512}`).toBe(`SHA-512 ${locked?.integrity}`);
    }
  });

  it('has licences only that let us pass it on with its notices', () => {
    const licences = sbom.components.flatMap(({ licenses }) =>
      (licenses ?? []).map(({ license, expression }) => license?.id ?? expression ?? ''),
    );
    const plain = [
      'MIT',
      'ISC',
      'Apache-2.0',
      'BSD-2-Clause',
      'BSD-3-Clause',
      '0BSD',
      'BlueOak-1.0.0',
      'PSF-2.0',
      'Unlicense',
    ];
    expect([...new Set(licences)].filter((licence) => !plain.includes(licence))).toEqual([]);
  });
});

describe('the published chart', () => {
  const published = {
    image: 'ghcr.io/example/aidc-operator',
    digest: `sha256:${'a'.repeat(64)}`,
    source: 'https://github.com/example/aidc-operator',
    changes: '\n### Added\n\n- One: "a",\n  b.\n- Two.\n\n### Breaking\n\n- Three.\n',
  };

  it('names the image it is released with, by digest, and nothing else', async () => {
    const before = parse(await read('charts/aidc-operator/values.yaml')) as { image: object };
    const after = parse(publishedValues(await read('charts/aidc-operator/values.yaml'), published)) as object;
    expect(after).toEqual({
      ...before,
      image: { ...before.image, repository: published.image, digest: published.digest },
    });
  });

  it('tells Artifact Hub the image, the source and the changes', async () => {
    const about = await read('charts/aidc-operator/Chart.yaml');
    const { annotations, home, sources } = parse(publishedChart(about, published)) as {
      annotations: Record<string, string>;
      home: string;
      sources: string[];
    };
    const told = (name: string): unknown => parse(annotations[`artifacthub.io/${name}`] ?? '');
    expect([home, ...sources]).toEqual([published.source, published.source]);
    expect(told('links')).toEqual([{ name: 'source', url: published.source }]);
    expect(told('images')).toMatchObject([{ image: `${published.image}:${version}` }]);
    expect(told('changes')).toEqual([
      { kind: 'added', description: 'One: "a", b.' },
      { kind: 'added', description: 'Two.' },
      { kind: 'changed', description: 'Three.' },
    ]);
    expect(told('crds')).toHaveLength(6);
    expect(annotations).toMatchObject({
      'artifacthub.io/license': 'Apache-2.0',
      'artifacthub.io/prerelease': String(version.startsWith('0.')),
    });
    expect(parse(publishedChart(about, { ...published, source: '' }))).not.toHaveProperty('home');
  });

  it('has every item of the changelog, under a kind that Artifact Hub knows', async () => {
    const { text } = changelogSection(await read('CHANGELOG.md'), version);
    const changes = changesOf(text);
    expect(changes).toHaveLength(text.match(/^- /gm)?.length ?? 0);
    const kinds = ['added', 'changed', 'deprecated', 'removed', 'fixed', 'security'];
    expect(changes.filter(({ kind }) => !kinds.includes(kind))).toEqual([]);
    expect(() => changelogSection(text, '9.9.9')).toThrow('CHANGELOG.md has no section "## 9.9.9 - DATE"');
  });
});

describe('npm run release', () => {
  const IMAGE = 'ghcr.io/example/aidc-operator';

  it('packs a version only with its date, from its tag, unchanged', () => {
    expect(obstacles('1.2.3', '2026-11-01', [], ['v1.2.3', 'latest'])).toEqual([]);
    expect(obstacles('1.2.3', 'unreleased', [' M a', '?? b'], ['v1.2'])).toEqual([
      'CHANGELOG.md says 1.2.3 - unreleased: give it its date',
      '2 files differ from the commit',
      'the commit has no tag v1.2.3',
    ]);
  });

  it('takes an image of any registry', () => {
    expect(optionsOf(['--image', 'registry.example.com:5000/a/b'])).toMatchObject({ digest: '', draft: false });
  });

  it.each([
    [[], '--image must be an address without tag'],
    [['--image', `${IMAGE}:1`], '--image must be an address without tag'],
    [['--image', IMAGE, '--digest', 'sha256:1'], '--digest must be sha256: and 64 hexadecimal digits, not "sha256:1"'],
    [['--image', IMAGE, '--source', 'git@x'], '--source must be a URL with https, not "git@x"'],
    [['--image', IMAGE, 'more'], 'usage: npm run release'],
  ])('refuses %j in a sentence', (args, sentence) => {
    expect(() => optionsOf(args)).toThrow(sentence);
  });
});
