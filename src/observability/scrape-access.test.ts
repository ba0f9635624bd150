import { describe, expect, it } from 'vitest';
import { KubeError } from '../kube/errors.ts';
import type { Resource } from '../kube/resource.ts';
import { FakeClock } from '../runtime/clock.ts';
import { MemoryLogger } from '../runtime/logger.ts';
import { accessReview, bearerToken, ScrapeAccess, type User } from './scrape-access.ts';

interface Body {
  readonly spec: { readonly token?: string; readonly user?: string };
}

/** An API server that knows a token `NAME-token` for each name, and lets in whom it is told to. */
class Hub {
  readonly asked: string[] = [];
  readonly users = new Map<string, User>();
  readonly may = new Set<string>();
  fault: Error | undefined;
  /** Answers wait for it. */
  hold: Promise<unknown> = Promise.resolve();

  create = async (resource: Resource, { body }: { body: object }): Promise<never> => {
    const { token, user = '' } = (body as Body).spec;
    this.asked.push(`${resource.kind} ${token ?? user}`);
    await this.hold;
    if (this.fault !== undefined) throw this.fault;
    const known = this.users.get(token ?? '');
    const status =
      resource.kind === 'TokenReview'
        ? { authenticated: known !== undefined, ...(known ? { user: known } : { error: 'invalid bearer token' }) }
        : { allowed: this.may.has(user) };
    return { metadata: {}, status } as never;
  };
}

function set(may: readonly string[] = ['prometheus']) {
  const hub = new Hub();
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  for (const name of ['prometheus', 'nobody']) hub.users.set(`${name}-token`, { username: name });
  for (const name of may) hub.may.add(name);
  const access = new ScrapeAccess({ client: hub, clock, logger });
  return { hub, clock, logger, access, ask: (token: string) => access.answer(`Bearer ${token}`) };
}

describe('bearerToken', () => {
  it.each([
    ['Bearer a.b-c_d~e+f/g=', 'a.b-c_d~e+f/g='],
    ['bearer  x ', 'x'],
    ['Basic x', undefined],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer a b', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %j is %j', (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });
});

describe('accessReview', () => {
  it('says all that the token said of its user', () => {
    const user = { username: 'u', uid: '1', groups: ['g'], extra: { pod: ['p'] } };
    const nonResourceAttributes = { path: '/metrics', verb: 'get' };
    expect(accessReview(user)).toEqual({
      spec: { user: 'u', uid: '1', groups: ['g'], extra: { pod: ['p'] }, nonResourceAttributes },
    });
    expect(accessReview({ username: 'u' })).toEqual({ spec: { user: 'u', nonResourceAttributes } });
  });
});

describe('ScrapeAccess', () => {
  it('lets in whom the hub knows and lets', async () => {
    const { hub, ask } = set();
    expect(await ask('prometheus-token')).toEqual({ status: 200 });
    expect(hub.asked).toEqual(['TokenReview prometheus-token', 'SubjectAccessReview prometheus']);
  });

  it('asks nobody where there is no token', async () => {
    const { hub, access } = set();
    for (const header of [undefined, 'Basic eDp5']) expect(await access.answer(header)).toMatchObject({ status: 401 });
    expect(hub.asked).toEqual([]);
  });

  it('refuses a token that the hub does not know, and does not ask further', async () => {
    const { hub, ask } = set();
    expect(await ask('other')).toMatchObject({ status: 401, sentence: expect.stringContaining('Take a new one') });
    expect(hub.asked).toEqual(['TokenReview other']);
  });

  it('refuses a token without a user', async () => {
    const { hub, ask } = set();
    hub.users.set('odd', {});
    expect(await ask('odd')).toMatchObject({ status: 401 });
  });

  it('refuses whom the hub does not let, by name', async () => {
    const { ask } = set();
    expect(await ask('nobody-token')).toMatchObject({
      status: 403,
      sentence: expect.stringMatching(/^nobody may not/),
    });
  });

  it('asks again after a minute where it was yes, after ten seconds where it was no', async () => {
    const { hub, clock, ask } = set();
    for (const token of ['prometheus-token', 'nobody-token', 'other']) await ask(token);
    hub.may.clear();
    hub.may.add('nobody');
    hub.users.set('other', { username: 'nobody' });
    await clock.advance(9_999);
    expect(await ask('prometheus-token')).toMatchObject({ status: 200 });
    expect(await ask('nobody-token')).toMatchObject({ status: 403 });
    expect(await ask('other')).toMatchObject({ status: 401 });
    await clock.advance(1);
    expect(await ask('nobody-token')).toMatchObject({ status: 200 });
    expect(await ask('other')).toMatchObject({ status: 200 });
    expect(await ask('prometheus-token')).toMatchObject({ status: 200 });
    await clock.advance(50_000);
    expect(await ask('prometheus-token')).toMatchObject({ status: 403 });
  });

  it('asks once for scrapes of the same moment', async () => {
    const { hub, ask } = set();
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('prometheus-token')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(hub.asked).toHaveLength(2);
  });

  it('lets nobody in while the hub is silent, and remembers no silence', async () => {
    const { hub, logger, ask } = set();
    hub.fault = new KubeError('connection refused by 10.0.0.1', { status: 0, reason: 'ConnectionFailed' });
    const answer = await ask('prometheus-token');
    expect(answer).toMatchObject({ status: 503, sentence: expect.stringContaining('Try again') });
    // Whoever asks is not known yet: the cause is for the log.
    expect(JSON.stringify(answer)).not.toContain('10.0.0.1');
    expect(JSON.stringify(logger.lines)).toContain('10.0.0.1');
    hub.fault = undefined;
    expect(await ask('prometheus-token')).toEqual({ status: 200 });
  });

  it('goes on with a yes while the hub is silent, until its minute is over', async () => {
    const { hub, clock, ask } = set();
    await ask('prometheus-token');
    hub.fault = new Error('away');
    expect(await ask('prometheus-token')).toEqual({ status: 200 });
    await clock.advance(60_000);
    expect(await ask('prometheus-token')).toMatchObject({ status: 503 });
  });

  it('says which right the operator lacks', async () => {
    const { hub, ask } = set();
    hub.fault = new KubeError('forbidden', { status: 403, reason: 'Forbidden' });
    const sentence = expect.stringContaining('create of tokenreviews.authentication.k8s.io');
    expect(await ask('prometheus-token')).toMatchObject({ status: 503, sentence });
  });

  it('asks about sixteen tokens at once, no more', async () => {
    const { hub, ask } = set();
    const held = Promise.withResolvers<void>();
    hub.hold = held.promise;
    const first = Array.from({ length: 16 }, (_, index) => ask(`bad-${index}`));
    expect(await ask('bad-16')).toMatchObject({ status: 503, sentence: expect.stringContaining('Too many') });
    held.resolve();
    expect((await Promise.all(first)).every(({ status }) => status === 401)).toBe(true);
    expect(await ask('prometheus-token')).toEqual({ status: 200 });
  });

  it('keeps a good token through a flood of bad ones', async () => {
    const { hub, ask } = set();
    await ask('prometheus-token');
    for (let index = 0; index < 2000; index++) await ask(`bad-${index}`);
    const before = hub.asked.length;
    expect(await ask('prometheus-token')).toEqual({ status: 200 });
    expect(hub.asked).toHaveLength(before);
  });

  it('writes no token into the log', async () => {
    const { logger, ask } = set();
    for (const token of ['prometheus-token', 'nobody-token', 'other-token']) await ask(token);
    expect(logger.lines.length).toBeGreaterThan(0);
    expect(JSON.stringify(logger.lines)).not.toContain('-token');
  });
});
