import { describe, expect, it } from 'vitest';
import { FakeClock } from './clock.ts';
import { noopLogger } from './logger.ts';
import { type Leadership, Manager, type Runnable } from './manager.ts';

/** A part that writes down when it starts and stops. */
function part(name: string, log: string[], extra: Partial<Runnable> = {}): Runnable {
  return {
    name,
    run: (signal) => {
      log.push(`+${name}`);
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          log.push(`-${name}`);
          resolve();
        });
      });
    },
    ...extra,
  };
}

function setup(runnables: Runnable[], leadership?: Leadership) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const fatal: string[] = [];
  const manager = new Manager({
    runnables,
    ...(leadership ? { leadership } : {}),
    logger: noopLogger,
    clock,
    fatal: (error) => fatal.push(error.message),
  });
  return { clock, stop, fatal, manager, running: manager.run(stop.signal) };
}

/** Leadership that is granted and taken by the test. */
function election(log: string[]) {
  const grant = Promise.withResolvers<number | undefined>();
  let lose = (): void => {};
  const leadership: Leadership = {
    name: 'lease',
    run: (signal) =>
      new Promise((resolve) => {
        lose = resolve;
        signal.addEventListener('abort', () => {
          log.push('-lease');
          resolve();
        });
      }),
    acquired: (signal) =>
      Promise.race([
        grant.promise,
        new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
      ]),
  };
  return { leadership, grant, lose: () => lose() };
}

describe('Manager', () => {
  it('starts in order and stops in reverse', async () => {
    const log: string[] = [];
    const { clock, stop, running, fatal } = setup([part('a', log), part('b', log)]);
    await clock.advance(0);
    stop.abort();
    await running;
    expect(log).toEqual(['+a', '+b', '-b', '-a']);
    expect(fatal).toEqual([]);
  });

  it('waits for a part to be ready before it starts the next', async () => {
    const log: string[] = [];
    const ready = Promise.withResolvers<void>();
    const { clock, stop, running } = setup([part('a', log, { ready: () => ready.promise }), part('b', log)]);
    await clock.advance(0);
    expect(log).toEqual(['+a']);
    ready.resolve();
    await clock.advance(0);
    expect(log).toEqual(['+a', '+b']);
    stop.abort();
    await running;
  });

  it('starts leader-only parts with leadership, and gives it up last', async () => {
    const log: string[] = [];
    const { leadership, grant } = election(log);
    const { clock, stop, running } = setup([part('leader', log, { leaderOnly: true }), part('all', log)], leadership);
    await clock.advance(0);
    expect(log).toEqual(['+all']);
    grant.resolve(3);
    await clock.advance(0);
    expect(log).toEqual(['+all', '+leader']);
    stop.abort();
    await running;
    expect(log).toEqual(['+all', '+leader', '-leader', '-all', '-lease']);
  });

  it('stops before it ever led without starting leader-only parts', async () => {
    const log: string[] = [];
    const { leadership } = election(log);
    const { clock, stop, running } = setup([part('leader', log, { leaderOnly: true })], leadership);
    await clock.advance(0);
    stop.abort();
    await running;
    expect(log).toEqual(['-lease']);
  });

  it('lost leadership is fatal', async () => {
    const log: string[] = [];
    const { leadership, grant, lose } = election(log);
    const { clock, running, fatal, manager } = setup([part('leader', log, { leaderOnly: true })], leadership);
    grant.resolve(1);
    await clock.advance(0);
    expect(manager.healthy).toBe(true);
    lose();
    await running;
    expect(fatal).toEqual(['lease ended unexpectedly']);
    expect(log.slice(0, 2)).toEqual(['+leader', '-leader']);
    expect(manager.healthy).toBe(false);
  });

  it('a part that rejects is fatal, once, and the others are stopped', async () => {
    const log: string[] = [];
    const bad: Runnable = { name: 'bad', run: () => Promise.reject(new Error('no port')) };
    const { running, fatal } = setup([part('a', log), bad, part('c', log)]);
    await running;
    expect(fatal).toEqual(['bad ended unexpectedly: no port']);
    expect(log.slice(-1)).toEqual(['-a']);
  });

  it('a part that never gets ready does not keep a failure from stopping all', async () => {
    const log: string[] = [];
    const bad: Runnable = {
      name: 'bad',
      run: () => Promise.reject(new Error('x')),
      ready: () => new Promise(() => {}),
    };
    const { running, fatal } = setup([bad, part('b', log)]);
    await running;
    expect([fatal.length, log]).toEqual([1, []]);
  });

  it('leaves behind a part that does not stop', async () => {
    const stuck: Runnable = { name: 'stuck', run: () => new Promise(() => {}) };
    const { clock, stop, running } = setup([stuck]);
    await clock.advance(0);
    stop.abort();
    await clock.advance(25_001);
    await running;
  });
});
