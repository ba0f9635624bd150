import { describe, expect, it } from 'vitest';
import { type Folded, fold, type NodeBook } from './node-book.ts';
import { aReportedPod, FakeAgent } from './testing.ts';

const START = Date.UTC(2026, 0, 1, 7);
const at = (minutes: number): number => START + minutes * 60_000;
const pod = aReportedPod('a/1');

const joules = (folded: Folded | undefined): number =>
  (folded?.postings ?? []).reduce((sum, { amounts }) => sum + amounts[0], 0);

function startedAt(agent: FakeAgent, minutes: number): NodeBook {
  const folded = fold(undefined, agent.report(at(minutes)));
  if (folded === undefined) throw new Error('refused');
  return folded.book;
}

describe('fold', () => {
  it('takes what a node tells first for what was before us', () => {
    const agent = new FakeAgent('n', 's', at(0));
    agent.use(at(2), pod, 'GPU-a', [1000, 120, 0]);
    const first = fold(undefined, agent.report(at(3)));
    expect(first).toMatchObject({ postings: [], isReset: false, book: { sinceMs: at(3) } });
    agent.use(at(4), pod, 'GPU-a', [500, 60, 0]);
    const second = fold(first?.book, agent.report(at(5)));
    expect(joules(second)).toBe(500);
    // The quarter of an hour that was open then is told with all that was in it.
    const third = fold(second?.book, agent.report(at(17)));
    expect(joules(third)).toBe(0);
    agent.use(at(18), pod, 'GPU-a', [7, 1, 0]);
    expect(joules(fold(third?.book, agent.report(at(19))))).toBe(7);
  });

  it('goes on with a new series, from its start', () => {
    const before = new FakeAgent('n', 'old', at(0));
    const book = startedAt(before, 1);
    const agent = new FakeAgent('n', 'new', at(5));
    agent.use(at(5), pod, 'GPU-a', [300, 30, 0]);
    const folded = fold(book, agent.report(at(6)));
    expect(folded?.isReset).toBe(true);
    expect(joules(folded)).toBe(300);
    expect(folded?.book).toMatchObject({ series: 'new', retired: ['old'], sinceMs: at(1) });
    expect(folded?.startMs).toBe(at(5));
    // Should the old one still be somewhere, it is not heard.
    before.use(at(6), pod, 'GPU-a', [900, 30, 0]);
    expect(fold(folded?.book, before.report(at(7)))).toBeUndefined();
  });

  it('books nothing twice when another agent has measured the same node all the time', () => {
    const book = startedAt(new FakeAgent('n', 'one', at(0)), 60);
    const rival = new FakeAgent('n', 'two', at(0));
    rival.use(at(30), pod, 'GPU-a', [300, 30, 0]);
    const folded = fold(book, rival.report(at(61)));
    expect(joules(folded)).toBe(0);
    rival.use(at(62), pod, 'GPU-a', [4, 1, 0]);
    expect(joules(fold(folded?.book, rival.report(at(63))))).toBe(4);
  });

  it('takes back nothing when totals are smaller than they were', () => {
    const agent = new FakeAgent('n', 's', at(0));
    const book = startedAt(agent, 0);
    agent.use(at(1), pod, 'GPU-a', [300, 30, 0]);
    const early = agent.report(at(2));
    agent.use(at(3), pod, 'GPU-a', [300, 30, 0]);
    const later = fold(book, agent.report(at(4)));
    const again = fold(later?.book, early);
    expect(joules(again)).toBe(0);
    agent.use(at(5), pod, 'GPU-a', [100, 10, 0]);
    expect(joules(fold(again?.book, agent.report(at(6))))).toBe(100);
  });

  it('loses nothing of what the agent has no room for any more', () => {
    const agent = new FakeAgent('n', 's', at(0));
    const book = startedAt(agent, 0);
    for (let minute = 1; minute < 100; minute += 1) {
      agent.use(at(minute), pod, 'GPU-a', [10, 1, 0]);
      agent.report(at(minute));
    }
    expect(joules(fold(book, agent.report(at(100), 1)))).toBeCloseTo(990, 6);
  });

  it('survives a clock that was set', () => {
    const agent = new FakeAgent('n', 's', at(0));
    let book = startedAt(agent, 0);
    let sum = 0;
    for (const minute of [1, 2, 90, 91, 3, 4, 20, 40]) {
      agent.use(at(minute), pod, 'GPU-a', [10, 1, 0]);
      const folded = fold(book, agent.report(at(minute)));
      sum += joules(folded);
      book = folded?.book ?? book;
    }
    expect(sum).toBeCloseTo(80, 6);
  });
});
