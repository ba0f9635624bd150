import { describe, expect, it } from 'vitest';
import { checkLayers, violationsOf } from '../../deploy/tools/layers.ts';

describe('the direction of imports', () => {
  it('holds in src', async () => {
    expect(await checkLayers()).toEqual([]);
  });

  // A check that never bites proves nothing: each of these is planted and must be found.
  const planted: readonly (readonly [what: string, path: string, text: string])[] = [
    ['core importing a feature', 'core/x.ts', "import { a } from '../regions/index.ts';"],
    ['core importing kube', 'core/x.ts', "import type { a } from '../kube/client.ts';"],
    ['core reading the clock', 'core/x.ts', 'export const now = () => Date.now();'],
    ['core using chance', 'core/x.ts', 'export const r = Math.random();'],
    ['core waiting', 'core/x.ts', 'export async function f() {}'],
    ['core importing a Node module', 'core/x.ts', "import { readFile } from 'node:fs';"],
    ['api importing core', 'api/x.ts', "export * from '../core/model.ts';"],
    ['kube knowing the API', 'kube/x.ts', "import { GROUP } from '../api/index.ts';"],
    ['runtime knowing kube', 'runtime/x.ts', "import { Store } from '../kube/store.ts';"],
    ['a feature importing another’s inside', 'training/x.ts', "import { a } from '../regions/member.ts';"],
    ['a feature importing one above it', 'regions/x.ts', "import { a } from '../scheduling/index.ts';"],
    ['a feature importing the composition', 'training/x.ts', "import { a } from '../operator.ts';"],
    ['the framework in a plain class', 'training/x.ts', "import { Injectable } from '@nestjs/common';"],
    ['an import over several lines', 'core/x.ts', "import {\n  a,\n  b,\n} from '../hub/index.ts';"],
  ];
  for (const [what, path, text] of planted) {
    it(`finds ${what}`, () => {
      expect(violationsOf(path, text)).not.toEqual([]);
    });
  }

  it('allows what is right', () => {
    expect(violationsOf('core/x.ts', "import { GROUP } from '../api/index.ts';")).toEqual([]);
    expect(violationsOf('training/x.ts', "import { Inventory } from '../regions/index.ts';")).toEqual([]);
    expect(violationsOf('observability/x.http.ts', "import { Get } from '@nestjs/common';")).toEqual([]);
    expect(violationsOf('core/x.ts', '// waits for Date.now() as an async argument\nexport const a = 1;')).toEqual([]);
  });
});
