import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLASSES, withCheckpoint } from './classes.ts';
import { type BookingContext, bookReport, emptyBook, type NodesBook, setTimes } from './cluster-book.ts';
import { plus, type Sums } from './sums.ts';
import { aReportedPod, FACTS, FakeAgent } from './testing.ts';

const START = Date.UTC(2026, 0, 1, 6, 50);
const MINUTE = 60_000;
const NODES = ['n1', 'n2'];
const PODS = [
  null,
  aReportedPod('a/1'),
  aReportedPod('b/1', 'b1'),
  aReportedPod('b/2', 'b2'),
  aReportedPod('', 'foreign'),
];

const minute = fc.record({
  node: fc.integer({ min: 0, max: NODES.length - 1 }),
  pod: fc.integer({ min: 0, max: PODS.length - 1 }),
  joules: fc.double({ min: 0, max: 40_000, noNaN: true }),
  gapSeconds: fc.constantFrom(0, 0, 0, 30, 60),
  isSeen: fc.boolean(),
  /** The agent has lost its state. */
  isNew: fc.constantFrom(false, false, false, false, false, false, false, true),
});

const context: BookingContext = {
  facts: FACTS,
  owner: (run) => {
    const uid = run.split('/')[0] ?? '';
    const owner = { kind: 'ModelTraining', namespace: 'ns', name: uid, tenant: uid, accelerator: 'H100' };
    return uid === '' ? undefined : owner;
  },
  runOf: () => undefined,
  nowMs: START,
  skewMs: 0,
};

const close = (a: number, b: number): void => {
  expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(b)));
};

function sumOf(book: NodesBook): { runs: Sums; all: Sums } {
  const runs = [...book.runs.values()].map(({ measured }) => measured).reduce((a, b) => plus(a, b));
  return { runs, all: plus(plus(runs, book.idle), book.others) };
}

describe('the books of a cluster', () => {
  it('give runs, others and nobody together what all boards used', () => {
    fc.assert(
      fc.property(fc.array(minute, { minLength: 1, maxLength: 100 }), (minutes) => {
        const book = emptyBook();
        bookReport(book, new FakeAgent('n1', 'x', START).report(START), context);
        book.runs.clear();
        let serial = 0;
        const agents = NODES.map((node) => new FakeAgent(node, `${node}-0`, START));
        for (const agent of agents) bookReport(book, agent.report(START), { ...context });
        // The first report of a node is what was before us: n1 has had another one just now.
        let told = 0;
        let used = 0;
        let seconds = 0;
        minutes.forEach((one, index) => {
          const atMs = START + (index + 1) * MINUTE;
          let agent = agents[one.node] as FakeAgent;
          if (one.isNew) {
            // What it had told is booked; the rest is lost with its state.
            bookReport(book, agent.report(atMs - MINUTE), context);
            serial += 1;
            agent = new FakeAgent(NODES[one.node] ?? '', `${NODES[one.node]}-${serial}`, atMs - MINUTE);
            agents[one.node] = agent;
          }
          agent.use(atMs - 1, PODS[one.pod] ?? null, 'GPU-a', [one.joules, 60, one.gapSeconds]);
          used += one.joules;
          seconds += 60 - one.gapSeconds;
          if (one.isSeen) bookReport(book, agent.report(atMs), context);
          told += 1;
        });
        for (const agent of agents) bookReport(book, agent.report(START + (told + 1) * MINUTE), context);
        if (book.runs.size === 0) return;
        const { all, runs } = sumOf(book);
        close(all.gpuJoules, used);
        close(all.measuredSeconds, seconds);
        // Nodes have one board each, which bears all of the overhead; PUE is 1.2.
        close(all.itJoules, used + seconds * 800);
        close(all.facilityJoules, all.itJoules * 1.2);
        close(all.carbonMarketGrams, all.carbonGrams * 0.75);
        const tenants = [...book.tenants.values()].map(({ measured }) => measured).reduce((a, b) => plus(a, b));
        close(tenants.facilityJoules, runs.facilityJoules);
        close(tenants.costMicros, runs.costMicros);
      }),
    );
  });

  it('class all of a run that is over, once', () => {
    fc.assert(
      fc.property(
        fc.array(minute, { minLength: 2, maxLength: 60 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 900 }),
        fc.constantFrom('well' as const, 'cutOff' as const),
        (minutes, ready, checkpoint, seconds, end) => {
          const book = emptyBook();
          const agent = new FakeAgent('n1', 's', START);
          bookReport(book, agent.report(START), context);
          minutes.forEach(({ joules }, index) => {
            const atMs = START + (index + 1) * MINUTE;
            agent.use(atMs - 1, PODS[1] ?? null, 'GPU-a', [joules, 60, 0]);
            // The last minutes come when it is over.
            if (index === minutes.length - 2) {
              bookReport(book, agent.report(atMs), context);
              const times = { readyMs: START + ready * MINUTE, end };
              const saved = { atMs: START + checkpoint * MINUTE, tookMs: seconds * 1000 };
              setTimes(book, 'a/1', withCheckpoint(times, saved), atMs);
            } else bookReport(book, agent.report(atMs), context);
          });
          const run = book.runs.get('a/1');
          if (run === undefined) return;
          const { lost } = run.classes;
          const classed = CLASSES.reduce((sum, name) => sum + run.classes[name].facilityJoules, 0);
          close(classed, run.measured.facilityJoules);
          if (end === 'well') expect(lost.facilityJoules).toBe(0);
          expect(book.tenants.get('a')?.classes).toEqual(run.classes);
        },
      ),
    );
  });
});
