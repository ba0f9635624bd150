import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    ['core making a present date', 'core/x.ts', 'export const now = new Date();'],
    ['core timing itself', 'core/x.ts', 'export const now = performance.now();'],
    ['core reading the environment', 'core/x.ts', 'export const home = process.env.HOME;'],
    ['core setting a timer', 'core/x.ts', 'setTimeout(() => {}, 1);'],
    ['core writing', 'core/x.ts', "console.log('x');"],
    ['core using chance', 'core/x.ts', 'export const r = Math.random();'],
    ['core waiting', 'core/x.ts', 'export async function f() {}'],
    ['core using a package', 'core/x.ts', "import { z } from 'zod';"],
    ['api importing a Node module', 'api/x.ts', "import { createHash } from 'node:crypto';"],
    ['an import in other quotes', 'core/x.ts', 'import { a } from "../kube/client.ts";'],
    ['an import when it runs', 'core/x.ts', "export const a = import('../kube/client.ts');"],
    ['an import for its effect', 'core/x.ts', "import '../kube/client.ts';"],
    ['a folder nobody has placed', 'novel/x.ts', "import { GROUP } from '../api/index.ts';"],
    ['an import from outside of src', 'training/x.ts', "import { a } from '../../test/support/hub.ts';"],
    ['core importing a Node module', 'core/x.ts', "import { readFile } from 'node:fs';"],
    ['api importing core', 'api/x.ts', "export * from '../core/model.ts';"],
    ['kube knowing the API', 'kube/x.ts', "import { GROUP } from '../api/index.ts';"],
    ['runtime knowing kube', 'runtime/x.ts', "import { Store } from '../kube/store.ts';"],
    ['a feature importing another’s inside', 'training/x.ts', "import { a } from '../regions/member.ts';"],
    ['a feature importing one above it', 'regions/x.ts', "import { a } from '../scheduling/index.ts';"],
    ['a feature importing the composition', 'training/x.ts', "import { a } from '../operator.ts';"],
    ['the framework in a plain class', 'training/x.ts', "import { Injectable } from '@nestjs/common';"],
    ['a library in the parser', 'nvidia-smi/x.ts', "import { parse } from 'yaml';"],
    ['the parser importing a feature', 'nvidia-smi/x.ts', "import { a } from '../energy/index.ts';"],
    ['the agent importing the parser’s inside', 'agent/x.ts', "import { a } from '../nvidia-smi/xml.ts';"],
    ['the agent importing the operator’s metrics', 'agent/x.ts', "import { a } from '../observability/index.ts';"],
    ['an import over several lines', 'core/x.ts', "import {\n  a,\n  b,\n} from '../hub/index.ts';"],
  ];
  for (const [what, path, text] of planted) {
    it(`finds ${what}`, () => {
      expect(violationsOf(path, text)).not.toEqual([]);
    });
  }

  it('finds a file that is planted in a tree', async () => {
    const source = await mkdtemp(join(tmpdir(), 'layers-'));
    try {
      await mkdir(join(source, 'core', 'deep'), { recursive: true });
      await writeFile(join(source, 'core', 'deep', 'x.ts'), "import { a } from '../../kube/client.ts';\n");
      expect(await checkLayers(source)).toEqual([
        'src/core/deep/x.ts imports kube/client.ts: core may not import kube',
      ]);
    } finally {
      await rm(source, { recursive: true });
    }
  });

  it('allows what is right', () => {
    expect(violationsOf('core/x.ts', "import { GROUP } from '../api/index.ts';")).toEqual([]);
    expect(violationsOf('training/x.ts', "import { Inventory } from '../regions/index.ts';")).toEqual([]);
    expect(violationsOf('observability/x.http.ts', "import { Get } from '@nestjs/common';")).toEqual([]);
    expect(violationsOf('operator.main.ts', "import { NestFactory } from '@nestjs/core';")).toEqual([]);
    expect(violationsOf('api/x.ts', "import { z } from 'zod';")).toEqual([]);
    expect(violationsOf('nvidia-smi/x.ts', "import { XMLParser } from 'fast-xml-parser';")).toEqual([]);
    expect(violationsOf('core/x.ts', 'export const at = (now: number) => new Date(now);')).toEqual([]);
    expect(violationsOf('core/x.test.ts', "import { readFile } from 'node:fs';")).toEqual([]);
    expect(violationsOf('core/x.ts', '// waits for Date.now() as an async argument\nexport const a = 1;')).toEqual([]);
  });
});
