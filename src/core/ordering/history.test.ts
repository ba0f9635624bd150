import { describe, expect, it } from 'vitest';
import { ServiceHistory } from './history.ts';

/** Jobs `from` to `to` of one group, a second apart. */
function submit(history: ServiceHistory, from: number, to: number, group = 'team', gpus = 8): void {
  for (let i = from; i <= to; i++) history.submitted({ key: `${group}-${i}`, group, gpus, submittedAt: i });
}

/** Within a fifth: cells are as wide as that. */
const near = (expected: number) => ({
  from: expected * 0.8,
  to: expected * 1.2,
});

describe('ServiceHistory', () => {
  it('knows nothing at first: what has run long will run long', () => {
    const history = new ServiceHistory();
    submit(history, 0, 0);
    const half = history.remaining('team-0', 1000, 0.5);
    expect(half).toBeGreaterThan(near(1000).from);
    expect(half).toBeLessThan(near(1000).to);
    expect(history.seconds('team-0', 10_000)).toBeGreaterThan(history.seconds('team-0', 100));
  });

  it('expects of a job what its neighbours in the order of submission took', () => {
    const history = new ServiceHistory();
    submit(history, 0, 10);
    for (let i = 0; i < 10; i++) history.ended(`team-${i}`, 3600);
    const half = history.remaining('team-10', 0, 0.5);
    expect(half).toBeGreaterThan(near(3600).from);
    expect(half).toBeLessThan(near(3600).to);
  });

  it('learns from neighbours that still run that it will not end before', () => {
    const history = new ServiceHistory();
    submit(history, 0, 20);
    const before = history.remaining('team-10', 0, 0.5);
    for (let i = 0; i <= 20; i++) if (i !== 10) history.ran(`team-${i}`, 50_000);
    expect(before).toBeLessThan(60);
    expect(history.remaining('team-10', 0, 0.5)).toBeGreaterThan(10_000);
    expect(history.seconds('team-10', 0)).toBeGreaterThan(60);
  });

  it('believes what a neighbour declares it will need', () => {
    const [long, short] = [90_000, 900].map((remaining) => {
      const history = new ServiceHistory();
      submit(history, 0, 1);
      history.ran('team-0', 100, remaining);
      return history.remaining('team-1', 500, 0.5) + 500;
    });
    expect(short).toBeGreaterThan(near(1000).from);
    expect(short).toBeLessThan(near(1000).to);
    expect(long).toBeGreaterThan(10 * (short as number));
  });

  it('forgets what a neighbour declares no longer', () => {
    const of = (...words: (number | undefined)[]): number => {
      const history = new ServiceHistory();
      submit(history, 0, 1);
      for (const word of words) history.ran('team-0', 100, word);
      return history.seconds('team-1', 50);
    };
    expect(of(90_000)).not.toBe(of(undefined));
    expect(of(90_000, undefined)).toBe(of(undefined));
  });

  it('trusts a neighbour less the longer ago it was submitted', () => {
    const [soon, late] = [0, 100_000].map((gap) => {
      const history = new ServiceHistory();
      history.submitted({ key: 'a', group: 'g', gpus: 1, submittedAt: 0 });
      history.submitted({ key: 'b', group: 'g', gpus: 1, submittedAt: gap });
      history.ran('a', 10_000);
      return history.seconds('b', 0);
    });
    expect(soon).toBeGreaterThan(late as number);
  });

  it('keeps groups and sizes apart', () => {
    const history = new ServiceHistory();
    submit(history, 0, 1, 'a', 8);
    submit(history, 0, 0, 'b', 8);
    history.submitted({ key: 'small', group: 'a', gpus: 1, submittedAt: 0 });
    const before = history.seconds('b-0', 0);
    history.ran('a-0', 100_000);
    expect(history.seconds('b-0', 0)).toBe(before);
    expect(history.seconds('small', 0)).toBe(before);
    expect(history.seconds('a-1', 0)).toBeGreaterThan(before);
  });

  it('learns nothing of a job that was withdrawn before it ran, and survives what it never heard of', () => {
    const history = new ServiceHistory();
    submit(history, 0, 1);
    const before = history.seconds('team-1', 0);
    history.withdrawn('team-0');
    history.withdrawn('unknown');
    history.ended('unknown', 5);
    history.ran('unknown', 5);
    expect(history.seconds('team-1', 0)).toBe(before);
    expect(history.seconds('unknown', 0)).toBeGreaterThan(0);
  });

  it('forgets what is old, and judges what is new as before', () => {
    const history = new ServiceHistory();
    for (let i = 0; i < 1000; i++) {
      submit(history, i, i);
      history.ended(`team-${i}`, 600);
    }
    submit(history, 1000, 1000);
    const half = history.remaining('team-1000', 0, 0.5);
    expect(half).toBeGreaterThan(near(600).from);
    expect(half).toBeLessThan(near(600).to);
  });
});
