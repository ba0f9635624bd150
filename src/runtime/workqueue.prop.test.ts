import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeClock } from './clock.ts';
import { Workqueue } from './workqueue.ts';

/** The naive oracle: a plain list of what is wanted, searched from end to end. */
class Oracle {
  now = 0;
  seq = 0;
  waiting: { key: string; priority: number; at: number; dueSeq: number }[] = [];
  processing = new Set<string>();
  failures = new Map<string, number>();

  put(key: string, delay: number, priority: number): void {
    const at = this.now + delay;
    const entry = this.waiting.find((one) => one.key === key);
    if (!entry) {
      this.waiting.push({ key, priority, at, dueSeq: delay === 0 ? this.seq++ : -1 });
      return;
    }
    entry.priority = Math.max(entry.priority, priority);
    if (entry.dueSeq >= 0 || at >= entry.at) return;
    entry.at = at;
    if (delay === 0) entry.dueSeq = this.seq++;
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.waiting.filter((one) => one.dueSeq < 0 && one.at <= this.now);
    for (const entry of due.sort((a, b) => a.at - b.at)) entry.dueSeq = this.seq++;
  }

  depth(): number {
    return this.waiting.filter((one) => one.dueSeq >= 0).length;
  }

  /** Keys that `get` may return now: the first of the highest priority. Ties of one instant are any of them. */
  candidates(): string[] {
    const free = this.waiting.filter((one) => one.dueSeq >= 0 && !this.processing.has(one.key));
    const top = Math.max(...free.map((one) => one.priority));
    return free.filter((one) => one.priority === top).map((one) => one.key);
  }

  take(key: string): void {
    this.waiting = this.waiting.filter((one) => one.key !== key);
    this.processing.add(key);
  }
}

interface Real {
  queue: Workqueue;
  clock: FakeClock;
}
type Step = fc.AsyncCommand<Oracle, Real>;

function step(name: string, run: (model: Oracle, real: Real) => void | Promise<void>): Step {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      expect(real.queue.depth()).toBe(model.depth());
      expect(real.queue.delayed).toBe(model.waiting.length - model.depth());
    },
    toString: () => name,
  };
}

const key = fc.constantFrom('a', 'b', 'c', 'd');
const priority = fc.integer({ min: 0, max: 3 });
const delay = fc.integer({ min: 1, max: 30 });

const steps = [
  fc.tuple(key, priority).map(([k, p]) =>
    step(`add ${k} ${p}`, (model, { queue }) => {
      model.put(k, 0, p);
      queue.add(k, { priority: p });
    }),
  ),
  fc.tuple(key, delay, priority).map(([k, ms, p]) =>
    step(`addAfter ${k} ${ms} ${p}`, (model, { queue }) => {
      model.put(k, ms, p);
      queue.addAfter(k, ms, { priority: p });
    }),
  ),
  key.map((k) =>
    step(`addRateLimited ${k}`, (model, { queue }) => {
      const failures = model.failures.get(k) ?? 0;
      model.failures.set(k, failures + 1);
      const ms = Math.min(40, 5 * 2 ** failures);
      model.put(k, ms, 0);
      expect(queue.addRateLimited(k)).toBe(ms);
    }),
  ),
  key.map((k) =>
    step(`forget ${k}`, (model, { queue }) => {
      model.failures.delete(k);
      queue.forget(k);
    }),
  ),
  fc.constant(
    step('get', async (model, { queue }) => {
      const abort = new AbortController();
      const got = queue.get(abort.signal);
      abort.abort();
      const item = await got;
      const wanted = model.candidates();
      if (wanted.length === 0) {
        expect(item).toBeUndefined();
        return;
      }
      expect(wanted).toContain(item?.key);
      expect(model.processing.has(item?.key as string)).toBe(false);
      model.take(item?.key as string);
    }),
  ),
  key.map((k) =>
    step(`done ${k}`, (model, { queue }) => {
      model.processing.delete(k);
      queue.done(k);
    }),
  ),
  delay.map((ms) =>
    step(`advance ${ms}`, (model, { clock }) => {
      model.advance(ms);
      clock.tick(ms);
    }),
  ),
];

it('behaves as the naive queue in every order of calls', async () => {
  const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff);
  console.info(`workqueue model seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max' }), (commands) =>
      fc.asyncModelRun(() => {
        const clock = new FakeClock();
        const queue = new Workqueue({ name: 'model', clock, baseDelayMs: 5, maxDelayMs: 40 });
        return { model: new Oracle(), real: { queue, clock } };
      }, commands),
    ),
    { seed, numRuns: 300 },
  );
});
