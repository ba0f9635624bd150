import { describe, expect, it } from 'vitest';
import { estimatedEnergy } from './accrual.ts';
import {
  type BookingContext,
  bookReport,
  emptyBook,
  giveUpNode,
  type RunOwner,
  setCurrency,
  setSilent,
} from './cluster-book.ts';
import { aReportedPod, FACTS, FakeAgent } from './testing.ts';
import { NO_USE, withRun } from './workload-use.ts';

const START = Date.UTC(2026, 0, 1, 7, 50);
const at = (minutes: number): number => START + minutes * 60_000;
const owner: RunOwner = { kind: 'ModelTraining', namespace: 'ns', name: 'a', tenant: 't', accelerator: 'H100' };
const context = (minutes: number): BookingContext => ({
  facts: FACTS,
  owner: (run) => (run === 'a/1' ? owner : undefined),
  runOf: () => undefined,
  nowMs: at(minutes),
  skewMs: 0,
});
const pod = aReportedPod('a/1');

function begun() {
  const book = emptyBook();
  const agent = new FakeAgent('n', 's', START);
  bookReport(book, agent.report(START), context(0));
  return { book, agent, run: () => book.runs.get('a/1') };
}
const holding = { accelerator: 'H100', gpus: 1, nodeShare: 1 };
const silentFor = (from: number, to: number) => ({
  fromMs: at(from),
  toMs: at(to),
  sums: estimatedEnergy(FACTS, holding, at(from), at(to)),
});

describe('bookReport', () => {
  it('prices energy by the band it was used in', () => {
    const { book, agent, run } = begun();
    // At 07:55, and at 08:05 when it costs twice as much.
    agent.use(at(5), pod, 'GPU-a', [3.6e6, 0, 0]);
    bookReport(book, agent.report(at(6)), context(6));
    expect(run()?.measured.costMicros).toBeCloseTo(300_000 * 1.2, 6);
    agent.use(at(15), pod, 'GPU-a', [3.6e6, 0, 0]);
    bookReport(book, agent.report(at(30)), context(30));
    expect(run()?.measured.costMicros).toBeCloseTo((300_000 + 600_000) * 1.2, 6);
    expect(run()?.measured.carbonGrams).toBeCloseTo(2 * 400 * 1.2, 6);
  });

  it('weighs CO2 by the hour it was used in, measured or not', () => {
    const { book, agent, run } = begun();
    const hourlyGramsPerKWh = Array.from({ length: 24 }, (_, hour) => (hour === 7 ? 100 : 1000));
    const facts = { ...FACTS, hourlyGramsPerKWh };
    // A kWh at 07:55 and one at 08:05, and a gap of 20 s in it.
    agent.use(at(5), pod, 'GPU-a', [3.6e6, 20, 20]);
    bookReport(book, agent.report(at(6)), { ...context(6), facts });
    expect(run()?.measured.carbonGrams).toBeCloseTo(100 * 1.2, 6);
    agent.use(at(15), pod, 'GPU-a', [3.6e6, 20, 20]);
    bookReport(book, agent.report(at(30)), { ...context(30), facts });
    expect(run()?.measured.carbonGrams).toBeCloseTo(1100 * 1.2, 6);
    expect(run()?.measured.carbonMarketGrams).toBeCloseTo(1100 * 1.2 * 0.75, 6);
    expect(run()?.estimated.carbonGrams).toBeCloseTo(((1500 * 20 * 1.2) / 3.6e6) * 1100, 6);
    const held = estimatedEnergy(facts, { ...holding, nodeShare: 0 }, at(0), at(20));
    expect(held.carbonGrams).toBeCloseTo(((700 * 600 * 1.2) / 3.6e6) * 1100, 6);
  });

  it('estimates time of which the power is not known, and says so', () => {
    const { book, agent, run } = begun();
    agent.use(at(1), pod, 'GPU-a', [1000, 60, 20]);
    bookReport(book, agent.report(at(2)), context(2));
    expect(run()?.measured).toMatchObject({ gpuJoules: 1000, gpuSeconds: 60, measuredSeconds: 40 });
    expect(run()?.estimated).toMatchObject({ gpuJoules: 20 * 700, gpuSeconds: 0 });
  });

  it('does not believe a pod of another namespace that it is a run’s', () => {
    const { book, agent, run } = begun();
    agent.use(at(1), { ...pod, namespace: 'elsewhere' }, 'GPU-a', [1000, 60, 0]);
    bookReport(book, agent.report(at(2)), context(2));
    expect(run()).toBeUndefined();
    expect(book.others.gpuJoules).toBe(1000);
  });

  it('puts what a node measured in the place of the estimate for its silence', () => {
    const { book, agent, run } = begun();
    agent.use(at(1), pod, 'GPU-a', [1000, 60, 0]);
    bookReport(book, agent.report(at(2)), context(2));
    setSilent(book, 'a/1', owner, 'n', silentFor(2, 10));
    setSilent(book, 'a/1', owner, 'n', silentFor(10, 62));
    const during = withRun(NO_USE, run() as never, 'CNY');
    expect(during.estimated.gpuJoules).toBeCloseTo(3600 * 700, 6);
    expect(during.final.gpuJoules).toBe(0);
    // An hour away from the API server, but it went on measuring.
    for (let minute = 3; minute <= 62; minute += 1) agent.use(at(minute), pod, 'GPU-a', [500, 60, 0]);
    bookReport(book, agent.report(at(63)), context(63));
    const after = withRun(NO_USE, run() as never, 'CNY');
    expect(after.estimated.gpuJoules).toBe(0);
    expect(after.measured.gpuJoules).toBeCloseTo(1000 + 60 * 500, 6);
  });

  it('lets the estimate stand for what a new series cannot know', () => {
    const { book, run } = begun();
    setSilent(book, 'a/1', owner, 'n', silentFor(0, 60));
    const next = new FakeAgent('n', 'next', at(45));
    next.use(at(46), pod, 'GPU-a', [7, 60, 0]);
    bookReport(book, next.report(at(47)), context(60));
    // 45 of the 60 minutes, in kW-steady power.
    expect(run()?.estimated.gpuJoules).toBeCloseTo(45 * 60 * 700, 3);
    expect(run()?.measured.gpuJoules).toBe(7);
    expect(book.tenants.get('t')?.estimated.gpuJoules).toBeCloseTo(45 * 60 * 700, 3);
  });

  it('counts nothing twice when a node is heard again after it was given up', () => {
    const { book, agent, run } = begun();
    setSilent(book, 'a/1', owner, 'n', silentFor(0, 3000));
    giveUpNode(book, 'n', at(3000), at(3000));
    const given = run()?.estimated.gpuJoules;
    agent.use(at(2000), pod, 'GPU-a', [99, 60, 0]);
    bookReport(book, agent.report(at(3001)), context(3001));
    expect(run()?.estimated.gpuJoules).toBe(given);
    expect(run()?.measured.gpuJoules).toBe(0);
    agent.use(at(3002), pod, 'GPU-a', [5, 60, 0]);
    bookReport(book, agent.report(at(3003)), context(3003));
    expect(run()?.measured.gpuJoules).toBeCloseTo(5, 6);
  });

  it('keeps money in the currency it was booked in when that of the cluster is edited', () => {
    const { book, agent, run } = begun();
    setCurrency(book, FACTS);
    agent.use(at(5), pod, 'GPU-a', [3.6e6, 0, 0]);
    bookReport(book, agent.report(at(6)), context(6));
    setSilent(book, 'a/1', owner, 'n', silentFor(6, 9));
    const dollars = { ...FACTS, currency: 'USD', tariff: [{ months: [], hours: [], pricePerKWhMicros: 100_000 }] };
    expect(setCurrency(book, dollars)).toBe(true);
    expect(setCurrency(book, dollars)).toBe(false);
    expect(book.tenants.get('t')).toMatchObject({ measured: { costMicros: 0 }, otherCosts: { CNY: 360_000 } });
    // What is estimated is not spent yet: it is priced as what comes in its place.
    const kWh = (180 * (700 + 800) * 1.2) / 3.6e6;
    const { costs } = withRun(NO_USE, run() as never, 'USD');
    expect(costs.measured).toEqual({ USD: 0, CNY: 360_000 });
    expect(costs.estimated.USD).toBeCloseTo(kWh * 100_000, 6);
    agent.use(at(15), pod, 'GPU-a', [3.6e6, 0, 0]);
    bookReport(book, agent.report(at(30)), { ...context(30), facts: dollars });
    expect(withRun(NO_USE, run() as never, 'USD').costs.measured).toEqual({ USD: 120_000, CNY: 360_000 });
    setCurrency(book, FACTS);
    expect(book.tenants.get('t')?.otherCosts).toEqual({ USD: 120_000, CNY: 360_000 });
  });
});
