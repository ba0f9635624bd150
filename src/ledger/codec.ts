import { z } from 'zod';
import { jsonText } from '../api/index.ts';
import {
  bookedKey,
  type Checkpointing,
  CLASSES,
  type Classes,
  emptyBook,
  listOf,
  NO_CLASSED,
  type NodeBook,
  type NodesBook,
  type RunBook,
  type RunTimes,
  type Slice,
  sumsOf,
  type TenantBook,
} from '../energy/index.ts';

/** Of the ConfigMaps below. Of another format nothing is read, and nothing is overwritten. */
const FORMAT = '1';

const amount = z.number().nonnegative();
const sums = z.array(amount).transform(sumsOf);
const triple = z.tuple([amount, amount, amount]);
const classed = z.tuple([amount, amount]).transform(([gpuSeconds, facilityJoules]) => ({ gpuSeconds, facilityJoules }));
/** In the order of CLASSES; the last is left out where it is nothing, as it was before there was one. */
const classes = z
  .tuple([classed, classed, classed, classed.optional()])
  .transform(([startup, useful, lost, checkpoint = NO_CLASSED]): Classes => ({ startup, useful, lost, checkpoint }));
/** From when, for how long, and how much of that. */
const checkpointing = z
  .tuple([z.number(), amount, amount])
  .transform(([fromMs, lengthMs, busyMs]): Checkpointing => ({ fromMs, toMs: fromMs + lengthMs, busyMs }));
const money = z.record(z.string(), amount).optional();
const index = z.int().min(-1);

const nodeBook = z
  .object({
    series: z.string(),
    retired: z.array(z.string()),
    sequence: z.int().nonnegative(),
    writtenAtMs: z.number(),
    /** Books of before this was kept have none. */
    reportMs: z.number().optional(),
    sinceMs: z.number(),
    baselineMs: z.number(),
    isGivenUp: z.boolean(),
    gpus: z.array(z.string()),
    pods: z.array(z.tuple([z.string(), z.string(), z.string(), z.string()])),
    /** `[index in pods or -1, index in gpus, ...all, ...ahead]`. */
    booked: z.array(z.tuple([index, index, ...triple.def.items, ...triple.def.items])),
  })
  .transform(({ gpus, pods, booked, ...rest }): NodeBook => {
    const entries = booked.map(([podIndex, gpuIndex, ...amounts]) => {
      const named = pods[podIndex];
      const [uid = '', namespace = '', name = '', run = ''] = named ?? [];
      const pod = named === undefined ? null : { uid, namespace, name, run };
      const [a, b, c, d, e, f] = amounts;
      return { pod, gpu: gpus[gpuIndex] ?? '', all: [a, b, c] as const, ahead: [d, e, f] as const };
    });
    return {
      ...rest,
      reportMs: rest.reportMs ?? rest.writtenAtMs,
      booked: new Map(entries.map((entry) => [bookedKey(entry), entry])),
    };
  });

const runBook = z
  .object({
    owner: z.object({
      kind: z.string(),
      namespace: z.string(),
      name: z.string(),
      tenant: z.string(),
      accelerator: z.string(),
    }),
    measured: sums,
    estimated: sums,
    silent: z.record(z.string(), z.object({ fromMs: z.number(), toMs: z.number(), sums })),
    times: z.object({
      readyMs: z.number().optional(),
      checkpointMs: z.number().optional(),
      checkpoints: z.array(checkpointing).optional(),
      end: z.enum(['well', 'cutOff']).optional(),
    }),
    slices: z.array(
      z
        .tuple([z.number(), z.number(), amount, amount])
        .transform(([fromMs, toMs, gpuSeconds, facilityJoules]) => ({ fromMs, toMs, gpuSeconds, facilityJoules })),
    ),
    classes,
    otherCosts: money,
    changedMs: z.number(),
  })
  .transform((run) => run as RunBook);

const tenantBook = z
  .object({ measured: sums, estimated: sums, classes, otherCosts: money })
  .transform((tenant) => tenant as TenantBook);

const data = z.object({
  format: z.literal(FORMAT),
  region: z.string(),
  /** Of books of before it was kept, not known. */
  currency: z.string().default(''),
  nodes: jsonText(z.record(z.string(), nodeBook)),
  runs: jsonText(z.record(z.string(), runBook)),
  tenants: jsonText(z.record(z.string(), tenantBook)),
  others: jsonText(sums),
  idle: jsonText(sums),
});

/** The `data` of a ConfigMap that holds books. */
export function encodeBook(book: NodesBook, region: string): Record<string, string> {
  const runs = [...book.runs].map(([key, run]) => [
    key,
    {
      ...run,
      measured: listOf(run.measured),
      estimated: listOf(run.estimated),
      silent: Object.fromEntries(
        Object.entries(run.silent).map(([node, silent]) => [node, { ...silent, sums: listOf(silent.sums) }]),
      ),
      times: encodeTimes(run.times),
      slices: run.slices.map(encodeSlice),
      classes: encodeClasses(run.classes),
    },
  ]);
  const tenants = [...book.tenants].map(([tenant, { measured, estimated, classes: by, ...rest }]) => [
    tenant,
    { ...rest, measured: listOf(measured), estimated: listOf(estimated), classes: encodeClasses(by) },
  ]);
  return {
    format: FORMAT,
    region,
    currency: book.currency,
    nodes: JSON.stringify(Object.fromEntries([...book.nodes].map(([name, node]) => [name, encodeNode(node)]))),
    runs: JSON.stringify(Object.fromEntries(runs)),
    tenants: JSON.stringify(Object.fromEntries(tenants)),
    others: JSON.stringify(listOf(book.others)),
    idle: JSON.stringify(listOf(book.idle)),
  };
}

/** The books in a ConfigMap; a sentence where it holds none. */
export function decodeBook(raw: unknown): { readonly book: NodesBook; readonly region: string } | string {
  const parsed = data.safeParse(raw);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
    return `${path.join('.') || 'data'}: ${message}`;
  }
  const { region, currency, nodes, runs, tenants, others, idle } = parsed.data;
  const book: NodesBook = {
    ...emptyBook(currency),
    nodes: new Map(Object.entries(nodes)),
    runs: new Map(Object.entries(runs)),
    tenants: new Map(Object.entries(tenants)),
    others,
    idle,
  };
  return { book, region };
}

function encodeNode({ booked, ...node }: NodeBook): object {
  const entries = [...booked.values()];
  const gpus = [...new Set(entries.map(({ gpu }) => gpu))];
  const pods = new Map(entries.flatMap(({ pod }) => (pod === null ? [] : [[JSON.stringify(pod), pod]])));
  const podKeys = [...pods.keys()];
  return {
    ...node,
    gpus,
    pods: [...pods.values()].map(({ uid, namespace, name, run }) => [uid, namespace, name, run]),
    booked: entries.map(({ pod, gpu, all, ahead }) => [
      pod === null ? -1 : podKeys.indexOf(JSON.stringify(pod)),
      gpus.indexOf(gpu),
      ...all,
      ...ahead,
    ]),
  };
}

const encodeSlice = ({ fromMs, toMs, gpuSeconds, facilityJoules }: Slice): number[] => [
  fromMs,
  toMs,
  gpuSeconds,
  facilityJoules,
];

const encodeTimes = ({ checkpoints, ...times }: RunTimes): object => ({
  ...times,
  ...(checkpoints && { checkpoints: checkpoints.map(({ fromMs, toMs, busyMs }) => [fromMs, toMs - fromMs, busyMs]) }),
});

function encodeClasses(by: Classes): number[][] {
  const all = CLASSES.map((name) => [by[name].gpuSeconds, by[name].facilityJoules]);
  return by.checkpoint.gpuSeconds + by.checkpoint.facilityJoules > 0 ? all : all.slice(0, -1);
}
