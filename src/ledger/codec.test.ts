import { describe, expect, it } from 'vitest';
import { bookReport, emptyBook, setCurrency, setSilent, setTimes, withCheckpoint } from '../energy/index.ts';
import { NO_SUMS } from '../energy/sums.ts';
import { aReportedPod, FACTS, FakeAgent } from '../energy/testing.ts';
import { decodeBook, encodeBook } from './codec.ts';

const START = Date.UTC(2026, 0, 1);
const owner = { kind: 'ModelTraining', namespace: 'ns', name: 'a', tenant: 't', accelerator: 'H100' };
const context = { facts: FACTS, owner: () => owner, runOf: () => undefined, nowMs: START, skewMs: 0 };

function aBook() {
  const book = emptyBook('USD');
  const agent = new FakeAgent('n', 's', START);
  bookReport(book, agent.report(START), context);
  for (const pod of [null, aReportedPod('a/1'), aReportedPod('a/2')]) {
    agent.use(START + 1, pod, 'GPU-a', [1 / 3, 2 / 7, 0]);
    agent.use(START + 1, pod, 'GPU-b', [1000.125, 60, 5]);
  }
  bookReport(book, agent.report(START + 60_000), context);
  setCurrency(book, FACTS);
  const times = { readyMs: START, end: 'cutOff' } as const;
  setTimes(book, 'a/1', withCheckpoint(times, { atMs: START + 30_000, tookMs: 500 }), START);
  setSilent(book, 'a/2', owner, 'n', { fromMs: START, toMs: START + 1, sums: { ...NO_SUMS, gpuJoules: 1 } });
  return { book, agent };
}

describe('books in a ConfigMap', () => {
  it('are read as they were written, to the last digit', () => {
    const { book } = aBook();
    expect(decodeBook(JSON.parse(JSON.stringify(encodeBook(book, 'guian'))))).toEqual({ book, region: 'guian' });
  });

  it('go on where they were', () => {
    const { book, agent } = aBook();
    const read = decodeBook(encodeBook(book, 'guian'));
    if (typeof read === 'string') throw new Error(read);
    agent.use(START + 61_000, aReportedPod('a/2'), 'GPU-b', [7, 1, 0]);
    const report = agent.report(START + 120_000);
    for (const one of [book, read.book]) bookReport(one, report, context);
    expect(read.book).toEqual(book);
  });

  it('are read where they do not say when the last report was written', () => {
    const { book } = aBook();
    const { nodes = '' } = encodeBook(book, 'guian');
    const { n } = JSON.parse(nodes);
    const { reportMs, ...old } = n;
    expect(reportMs).toBe(START + 60_000);
    const read = decodeBook({ ...encodeBook(book, 'guian'), nodes: JSON.stringify({ n: old }) });
    expect(read).toEqual({ book, region: 'guian' });
  });

  it('are read as they were before there were checkpoints, and written so where there are none', () => {
    const { book } = aBook();
    const { runs = '' } = encodeBook(book, 'guian');
    const { 'a/2': none, 'a/1': some } = JSON.parse(runs);
    expect(none.classes).toHaveLength(3);
    expect(some.classes).toHaveLength(4);
    const old = { ...some, classes: some.classes.slice(0, 3), times: { ...some.times, checkpoints: undefined } };
    const read = decodeBook({ ...encodeBook(book, 'guian'), runs: JSON.stringify({ 'a/1': old }) });
    if (typeof read === 'string') throw new Error(read);
    expect(read.book.runs.get('a/1')?.classes.checkpoint).toEqual({ gpuSeconds: 0, facilityJoules: 0 });
  });

  it.each([
    ['another format', { format: '2' }, 'format'],
    ['a cut text', { runs: '{"a' }, 'runs'],
    ['a missing key', { idle: undefined }, 'idle'],
    ['an amount below 0', { idle: '[-1]' }, 'idle'],
  ])('are refused with %s', (_what, change, named) => {
    expect(decodeBook({ ...encodeBook(aBook().book, 'guian'), ...change })).toContain(named);
  });

  it('have room for forty nodes of eight boards with a dozen runs each', () => {
    const book = emptyBook();
    for (let node = 0; node < 40; node += 1) {
      const agent = new FakeAgent(`gpu-node-${node}`, 's', START);
      bookReport(book, agent.report(START), context);
      for (let quarter = 0; quarter < 30; quarter += 1) {
        for (let board = 0; board < 8; board += 1) {
          const run = `3f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0/${node * 12 + (quarter % 12)}`;
          const gpu = `GPU-3f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f${board}`;
          agent.use(START + quarter * 900_000, aReportedPod(run), gpu, [123_456.789_012, 900.000_001, 0]);
        }
        bookReport(book, agent.report(START + (quarter + 1) * 900_000), context);
        for (const [run, { times }] of book.runs) {
          const saved = { atMs: START + quarter * 900_000 + 123_456, tookMs: 12_345 };
          setTimes(book, run, withCheckpoint(times, saved), START);
        }
      }
    }
    expect(Object.values(encodeBook(book, 'guian')).join('').length).toBeLessThan(1_000_000);
  });
});
