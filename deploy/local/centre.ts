import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

const defaultCentre = join(dirname(fileURLToPath(import.meta.url)), 'centre.yaml');

const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label: lower-case letters, digits and dashes')
  .max(40, 'must be at most 40 characters');
const quantity = z.union([z.string(), z.number()]).transform(String);
const count = z.number().int('must be a whole number').min(1, 'must be at least 1');

const taint = z.strictObject({
  key: z.string(),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
});

const nodeGroup = z
  .strictObject({
    /** Nodes are called `<prefix>-001`, `<prefix>-002`, ... */
    prefix: dnsLabel,
    count: count.max(5000, 'must be at most 5000'),
    rackSize: count.default(8),
    /** Racks in one block (a leaf of the fabric). */
    racksPerBlock: count.default(4),
    zone: dnsLabel.optional(),
    accelerator: z
      .strictObject({
        resource: z.string().includes('/', { message: 'must be an extended resource such as nvidia.com/gpu' }),
        perNode: count.default(8),
        labels: z.record(z.string(), z.string()).default({}),
      })
      .optional(),
    cpu: quantity.default('128'),
    memory: quantity.default('1Ti'),
    pods: z.number().int().min(1).default(110),
    labels: z.record(z.string(), z.string()).default({}),
    taints: z.array(taint).default([]),
  })
  .describe('nodes that are alike');

const region = z.strictObject({
  name: dnsLabel,
  nodeGroups: z.array(nodeGroup).min(1, 'must list at least one node group'),
});

const centre = z.strictObject({
  regions: z.array(region).min(1, 'must list at least one region'),
});

export type NodeGroup = z.infer<typeof nodeGroup>;
export interface RegionNodes {
  name: string;
  nodeGroups: NodeGroup[];
}

/** A group with the defaults filled in, for callers that write it in code. */
export function defineNodeGroup(group: z.input<typeof nodeGroup>): NodeGroup {
  return nodeGroup.parse(group);
}

/** Reads the regions and nodes of the local centre; every mistake in the file is one sentence. */
export async function loadCentre(path: string = defaultCentre): Promise<RegionNodes[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new Error(`${path} cannot be read: give the path of a file that describes the centre.`);
  }
  return parseCentre(text, path);
}

export function parseCentre(text: string, path: string): RegionNodes[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new Error(`${path} is not valid YAML: ${(error as Error).message}`);
  }
  const result = centre.safeParse(document);
  if (!result.success) {
    const sentences = result.error.issues.map((issue) => `  ${where(issue.path)}: ${issue.message}.`);
    throw new Error([`${path} does not describe a centre:`, ...sentences].join('\n'));
  }
  const { regions } = result.data;
  rejectRepeated(
    path,
    'Two regions are',
    regions.map(({ name }) => name),
  );
  for (const { name, nodeGroups } of regions) {
    const prefixes = nodeGroups.map(({ prefix }) => prefix);
    rejectRepeated(path, `Two node groups of ${name} are`, prefixes);
  }
  return regions;
}

function where(path: PropertyKey[]): string {
  return (
    path
      .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
      .join('')
      .replace(/^\./, '') || 'the file'
  );
}

function rejectRepeated(path: string, what: string, names: string[]): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`${path} does not describe a centre: ${what} named ${repeated}.`);
}
