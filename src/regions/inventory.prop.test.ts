import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inventory } from './inventory.ts';
import { aForeignPod, aNode, aPod, gpus, H100 } from './testing.ts';

const NODES = ['n0', 'n1', 'n2'];
const RUNS = ['a/1', 'a/2', 'b/1'];

type Event =
  | { do: 'node'; name: string; boards: number; ready: boolean }
  | { do: 'noNode'; name: string }
  | { do: 'pod'; uid: string; run: string; node: string | undefined; boards: number; phase: string }
  | { do: 'noPod'; uid: string }
  | { do: 'foreign'; uid: string; node: string | undefined; boards: number }
  | { do: 'noForeign'; uid: string }
  | { do: 'reserve'; run: string; nodes: string[]; boards: number }
  | { do: 'release'; run: string };

const node = fc.constantFrom(...NODES);
const maybeNode = fc.option(node, { nil: undefined });
const boards = fc.integer({ min: 0, max: 8 });
const run = fc.constantFrom(...RUNS);
const podUid = fc.constantFrom('p0', 'p1', 'p2', 'p3');
const foreignUid = fc.constantFrom('p3', 'f0', 'f1');
const is = <K extends Event['do']>(kind: K) => fc.constant(kind);

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ do: is('node'), name: node, boards, ready: fc.boolean() }),
  fc.record({ do: is('noNode'), name: node }),
  fc.record({ do: is('pod'), uid: podUid, run, node: maybeNode, boards, phase: fc.constantFrom('Running', 'Failed') }),
  fc.record({ do: is('noPod'), uid: podUid }),
  fc.record({ do: is('foreign'), uid: foreignUid, node: maybeNode, boards }),
  fc.record({ do: is('noForeign'), uid: foreignUid }),
  fc.record({ do: is('reserve'), run, nodes: fc.array(node, { maxLength: 4 }), boards }),
  fc.record({ do: is('release'), run }),
);

function apply(to: Inventory, one: Event): void {
  if (one.do === 'node') to.upsertNode(aNode(one.name, one.boards, { ready: one.ready }));
  else if (one.do === 'noNode') to.removeNode(one.name);
  else if (one.do === 'pod') to.upsertPod(aPod(one.uid, one.node, gpus(one.boards, 10, 20), one.phase), one.run);
  else if (one.do === 'noPod') to.removePod(one.uid);
  else if (one.do === 'foreign') to.upsertForeignPod(aForeignPod(one.uid, one.node, gpus(one.boards, 1, 2)));
  else if (one.do === 'noForeign') to.removeForeignPod(one.uid);
  else if (one.do === 'reserve') to.reserve(reservation(one));
  else to.release(one.run);
}

const reservation = (one: { run: string; nodes: string[]; boards: number }) => ({
  run: one.run,
  nodes: one.nodes,
  perPod: { cpuMilli: 5, memoryMi: 30, gpuMilli: one.boards * 1000 },
});

/** What each node is charged, by name: the table without the order of its rows. */
function charges(from: Inventory): Record<string, object> {
  const table = from.table();
  const result: Record<string, object> = {};
  for (let row = 0; row < table.count; row += 1) {
    result[table.names[row] ?? ''] = {
      usable: table.usable[row],
      accelerator: table.accelerator[row],
      total: table.gpuTotal[row],
      gpu: (table.gpuTotal[row] ?? 0) - (table.gpuFree[row] ?? 0),
      cpu: (table.cpuTotal[row] ?? 0) - (table.cpuFree[row] ?? 0),
      memory: table.memoryFree[row],
      pods: 110 - (table.podsFree[row] ?? 0),
    };
  }
  return result;
}

/** The same bookkeeping, done the slow and plain way from the last word on each thing. */
class Model {
  readonly last = new Map<string, Event>();

  apply(one: Event): void {
    if (one.do === 'node' || one.do === 'noNode') this.last.set(`node ${one.name}`, one);
    else if (one.do === 'pod' || one.do === 'noPod') this.last.set(`pod ${one.uid}`, one);
    else if (one.do === 'foreign' || one.do === 'noForeign') this.last.set(`foreign ${one.uid}`, one);
    else this.last.set(`run ${one.run}`, one);
  }

  charges(): Record<string, object> {
    const result: Record<string, object> = {};
    for (const one of this.last.values()) {
      if (one.do !== 'node') continue;
      const used = this.#used(one.name);
      result[one.name] = {
        usable: one.ready ? 1 : 0,
        accelerator: one.boards > 0 ? 0 : -1,
        total: one.boards * 1000,
        gpu: one.boards > 0 ? used.gpu : used.reservedOnly,
        cpu: used.cpu,
        memory: 1_000_000 - used.memory,
        pods: used.pods,
      };
    }
    return result;
  }

  #used(name: string) {
    const sum = { gpu: 0, cpu: 0, memory: 0, pods: 0, reservedOnly: 0 };
    for (const one of this.last.values()) {
      if (one.do !== 'foreign' || one.node !== name) continue;
      sum.gpu += one.boards * 1000;
      sum.cpu += 1;
      sum.memory += 2;
      sum.pods += 1;
    }
    for (const key of RUNS) this.#addRun(sum, key, name);
    return sum;
  }

  #addRun(
    sum: { gpu: number; cpu: number; memory: number; pods: number; reservedOnly: number },
    key: string,
    name: string,
  ) {
    const held = this.last.get(`run ${key}`);
    const places = held?.do === 'reserve' ? held.nodes.filter((entry) => entry === name).length : 0;
    const reserved = held?.do === 'reserve' ? held.boards * 1000 * places : 0;
    let pods = 0;
    let gpu = 0;
    for (const one of this.last.values()) {
      if (one.do !== 'pod' || one.run !== key || one.node !== name || one.phase === 'Failed') continue;
      pods += 1;
      gpu += one.boards * 1000;
    }
    sum.gpu += Math.max(reserved, gpu);
    sum.reservedOnly += reserved;
    sum.cpu += Math.max(places * 5, pods * 10);
    sum.memory += Math.max(places * 30, pods * 20);
    sum.pods += Math.max(places, pods);
  }
}

function fresh(): Inventory {
  const result = new Inventory();
  result.setAccelerators([H100]);
  return result;
}

/** What an event is about: of two with the same subject the later one holds. */
function subject(one: Event): string {
  if ('uid' in one) return `${one.do.toLowerCase().includes('foreign') ? 'foreign' : 'pod'} ${one.uid}`;
  return 'name' in one ? `node ${one.name}` : `run ${one.run}`;
}

describe('Inventory', () => {
  it('equals the plain model after every event, read or unread in between', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.boolean()), { maxLength: 60 }), (steps) => {
        const tested = fresh();
        const model = new Model();
        for (const [one, look] of steps) {
          apply(tested, one);
          model.apply(one);
          if (look) expect(charges(tested)).toEqual(model.charges());
        }
        expect(charges(tested)).toEqual(model.charges());
      }),
      { numRuns: 500 },
    );
  });

  it('never charges less than nothing, and its summary stays within what there is', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const tested = fresh();
        for (const one of events) apply(tested, one);
        const table = tested.table();
        for (let row = 0; row < table.count; row += 1) {
          expect(table.gpuFree[row]).toBeLessThanOrEqual(table.gpuTotal[row] ?? 0);
          expect(table.cpuFree[row]).toBeLessThanOrEqual(table.cpuTotal[row] ?? 0);
          expect(table.podsFree[row]).toBeLessThanOrEqual(110);
        }
        for (const line of tested.summary()) {
          expect(Object.values(line).filter((value) => typeof value === 'number' && value < 0)).toEqual([]);
          expect(line.free).toBeLessThanOrEqual(line.allocatable);
          expect(line.allocatable).toBeLessThanOrEqual(line.total);
          expect(line.largestFreeGang).toBeLessThanOrEqual(line.nodes);
        }
      }),
    );
  });

  it('does not depend on the order of events about different things', () => {
    const shuffled = fc
      .array(event, { maxLength: 30 })
      .map((events) => [...new Map(events.map((one) => [subject(one), one])).values()])
      .chain((events) => fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })));
    fc.assert(
      fc.property(shuffled, ([events, other]) => {
        const [a, b] = [fresh(), fresh()];
        for (const one of events) apply(a, one);
        for (const one of other) apply(b, one);
        expect(charges(b)).toEqual(charges(a));
        expect(b.summary()).toEqual(a.summary());
      }),
    );
  });

  it('reserving and releasing leaves everything as it was', () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 40 }),
        fc.array(node, { maxLength: 6 }),
        boards,
        (events, nodes, count) => {
          const tested = fresh();
          for (const one of events) apply(tested, one);
          const before = charges(tested);
          tested.reserve(reservation({ run: 'new/1', nodes, boards: count }));
          tested.table();
          tested.release('new/1');
          expect(charges(tested)).toEqual(before);
          expect(tested.reservation('new/1')).toBeUndefined();
        },
      ),
    );
  });
});
