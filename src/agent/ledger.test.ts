import { describe, expect, it } from 'vitest';
import { afterReboot, Ledger, type Share } from './ledger.ts';
import type { PodRef } from './tally.ts';

const GPU = 'GPU-a';
const NOON_MS = Date.UTC(2026, 0, 1, 12);
const pod = (uid: string): PodRef => ({ uid, namespace: 'ns', name: 'worker-0' });
const whole = (uid: string): readonly Share[] => [{ pod: pod(uid), share: 1 }];

function ledgerAt(startWallMs = NOON_MS) {
  let wallOffsetMs = startWallMs;
  let ledger = new Ledger();
  return {
    ledger: () => ledger,
    jump: (byMs: number) => {
      wallOffsetMs += byMs;
    },
    replace: (next: Ledger) => {
      ledger = next;
    },
    hold: (atSeconds: number, uid?: string) =>
      ledger.setHolders(atSeconds * 1000, new Map(uid === undefined ? [] : [[GPU, whole(uid)]])),
    read: (atSeconds: number, watts: number | null = 100) =>
      ledger.read({
        atMs: atSeconds * 1000,
        wallMs: wallOffsetMs + atSeconds * 1000,
        maxGapMs: 15_000,
        watts: new Map([[GPU, watts]]),
      }),
    used: () =>
      Object.fromEntries(
        ledger.state.totals.map((entry) => [entry.pod.uid, [entry.joules, entry.gpuSeconds, entry.gapSeconds]]),
      ),
    closed: () => ledger.state.buckets.closed.map(({ sequence, startMs }) => [sequence, (startMs - NOON_MS) / 60_000]),
  };
}

describe('Ledger', () => {
  it('splits a sample period where the holder changed', () => {
    const { hold, read, used } = ledgerAt();
    read(0);
    hold(2, 'a');
    read(5);
    hold(6);
    read(10);
    expect(used()).toEqual({ '': [600, 6, 0], a: [400, 4, 0] });
  });

  it('counts a time that is too long for a line as a gap, of who held the board', () => {
    const { hold, read, used } = ledgerAt();
    hold(0, 'a');
    read(0);
    read(10);
    read(26);
    expect(used()).toEqual({ a: [1000, 26, 16] });
  });

  it('bridges a missing reading, and no more than the longest time', () => {
    const { read, used } = ledgerAt();
    read(0);
    read(5, null);
    read(10);
    expect(used()).toEqual({ '': [1000, 10, 0] });
    for (const at of [15, 20, 25]) read(at, null);
    expect(used()).toEqual({ '': [1000, 10, 0] });
    // A board that stays silent has a gap that grows with every look.
    for (const at of [30, 35, 40]) read(at, null);
    expect(used()).toEqual({ '': [1000, 40, 30] });
    read(45);
    read(50);
    expect(used()).toEqual({ '': [1500, 50, 35] });
  });

  it('believes holders that nobody confirms for a minute', () => {
    const { hold, read, used, ledger } = ledgerAt();
    hold(0, 'a');
    for (let at = 0; at <= 100; at += 5) read(at);
    expect(used()).toEqual({ a: [6000, 60, 0], '': [4000, 40, 0] });
    expect(ledger().holdersOf(GPU)).toEqual([]);
  });

  it('gives the time of an outage to the holder only if it is the same afterwards', () => {
    const same = ledgerAt();
    same.hold(0, 'a');
    same.read(0);
    same.hold(600, 'a');
    same.read(600);
    expect(same.used()).toEqual({ a: [0, 600, 600] });

    const other = ledgerAt();
    other.hold(0, 'a');
    other.read(0);
    other.hold(600, 'b');
    other.read(600);
    other.read(610);
    expect(other.used()).toEqual({ '': [0, 600, 600], b: [1000, 10, 0] });
  });

  it('closes a quarter of an hour a minute after its end, split to the millisecond', () => {
    const { read, closed, ledger } = ledgerAt(NOON_MS + 14 * 60_000);
    for (let at = -3; at <= 117; at += 10) read(at);
    expect(closed()).toEqual([]);
    read(127);
    expect(closed()).toEqual([[1, 0]]);
    expect(ledger().state.buckets.closed[0]?.entries).toMatchObject([{ joules: 6300, gpuSeconds: 63, gapSeconds: 0 }]);
    expect(ledger().state.buckets.open).toMatchObject([{ entries: [{ joules: 6700 }] }]);
  });

  it('measures the same whatever the wall clock does', () => {
    const { read, jump, used, closed } = ledgerAt();
    read(0);
    read(10);
    jump(3 * 3_600_000);
    read(20);
    expect(closed()).toEqual([[1, 0]]);
    jump(-4 * 3_600_000);
    read(30);
    expect(closed()).toEqual([
      [1, 0],
      [2, 180],
    ]);
    expect(used()).toEqual({ '': [3000, 30, 0] });
  });

  it('goes on after a reboot, without a line or a gap across it', () => {
    const { hold, read, replace, ledger, used } = ledgerAt();
    hold(5_000, 'a');
    read(5_000);
    read(5_010);
    replace(new Ledger(afterReboot(ledger().state, 3_000)));
    read(3);
    read(13);
    expect(used()).toEqual({ a: [1000, 10, 0], '': [1000, 10, 0] });
  });

  it('forgets pods and boards two days after their last use', () => {
    const { hold, read, ledger } = ledgerAt();
    hold(0, 'a');
    read(0);
    ledger().read({ atMs: 5_000, wallMs: NOON_MS + 5_000, maxGapMs: 15_000, watts: new Map([['GPU-b', 1]]) });
    read(10);
    hold(10);
    const quarters = 2 * 24 * 4;
    for (let quarter = 1; quarter <= quarters; quarter += 1) {
      hold(quarter * 900);
      read(quarter * 900);
    }
    expect(ledger().state.totals.map((entry) => entry.pod.uid)).toContain('a');
    for (let quarter = quarters; quarter <= quarters + 3; quarter += 1) read(quarter * 900);
    expect(ledger().state.totals.map((entry) => entry.pod.uid)).toEqual(['', '']);
  });
});
