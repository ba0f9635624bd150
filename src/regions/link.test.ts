import { describe, expect, it } from 'vitest';
import { KubeError, UNREACHABLE_REASONS } from '../kube/errors.ts';
import { Link } from './link.ts';

const refused = new KubeError('connect ECONNREFUSED', { status: 0, reason: UNREACHABLE_REASONS.connection });
const open = new KubeError('circuit open', { status: 0, reason: UNREACHABLE_REASONS.circuitOpen });
const unauthorized = new KubeError('Unauthorized', { status: 401, reason: 'Unauthorized' });
const forbidden = new KubeError('forbidden', { status: 403, reason: 'Forbidden' });
const START = Date.parse('2026-01-01T00:00:00Z');
const server = 'https://guian:6443';

describe('Link', () => {
  it('is connecting until there is an answer or a failure', () => {
    const link = new Link(START);
    expect(link.problem(server)).toMatchObject({ reason: 'Connecting' });
    link.answered();
    expect(link.problem(server)).toBeUndefined();
  });

  it('is down with the first failure of all, but only with the second after an answer', () => {
    const link = new Link(START);
    link.failed(refused, START);
    expect(link.down).toBe(true);
    link.answered();
    link.failed(refused, START);
    expect(link.down).toBe(false);
    link.failed(refused, START);
    expect(link.down).toBe(true);
    link.answered();
    expect(link.down).toBe(false);
  });

  it('keeps the first cause and its time while it lasts', () => {
    const link = new Link(START);
    expect(link.failed(refused, START)).toBe(true);
    expect(link.failed(open, START + 60_000)).toBe(false);
    const message = link.problem(server)?.message ?? '';
    expect(message).toContain('has not answered since 2026-01-01T00:00:00Z (connect ECONNREFUSED)');
  });

  it.each([
    [unauthorized, 'CredentialsRefused'],
    [forbidden, 'SetupRefused'],
    [refused, 'Unreachable'],
    [undefined, 'Unreachable'],
  ])('of %s says %s', (error, reason) => {
    const link = new Link(START);
    link.failed(error, START);
    expect(link.problem(server)?.reason).toBe(reason);
  });

  it('refused credentials count at once', () => {
    const link = new Link(START);
    link.answered();
    link.failed(unauthorized, START);
    expect(link.down).toBe(true);
  });

  it('forgets everything when the credentials change', () => {
    const link = new Link(START);
    link.failed(unauthorized, START);
    link.reset(START + 1000);
    expect(link.problem(server)).toMatchObject({ reason: 'Connecting' });
    expect(link.problem(server)?.message).toContain('since 2026-01-01T00:00:01Z');
  });
});
