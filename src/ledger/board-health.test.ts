import { describe, expect, it } from 'vitest';
import type { BoardHealth } from '../api/index.ts';
import type { NodeNow } from '../energy/index.ts';
import { boardsVerdict } from './board-health.ts';

const node = (...health: BoardHealth[]): NodeNow => ({
  ...{ trouble: '', expected: health.length },
  boards: health.map((one, index) => ({ uuid: `GPU-${index}`, health: one, watts: null, holders: [] })),
});
const of = (nodes: Record<string, NodeNow>) => boardsVerdict(new Map(Object.entries(nodes)));

describe('boardsVerdict', () => {
  it('is well when no board is lost or degraded', () => {
    expect(of({ a: node('healthy', 'healthy') })).toMatchObject({
      ...{ status: 'True', reason: 'AllHealthy' },
      message: 'of 2 boards that agents tell of none is lost or degraded',
    });
    expect(of({ a: node('healthy', 'unknown') }).message).toContain('; of 1 it is not known how they are');
  });

  it('names the boards that are lost or degraded and their nodes, the first few of many', () => {
    const few = of({ a: node('healthy', 'lost'), b: node('degraded') });
    expect(few).toMatchObject({ status: 'False', reason: 'BoardsLost' });
    expect(few.message).toBe('of 3 boards that agents tell of: 1 lost (GPU-1 on a), 1 degraded (GPU-0 on b)');
    expect(of({ b: node('degraded') })).toMatchObject({ status: 'False', reason: 'BoardsDegraded' });
    const many = of({ a: node(...Array<BoardHealth>(8).fill('lost')) });
    expect(many.message).toContain('8 lost (GPU-0 on a, GPU-1 on a, GPU-2 on a, ...)');
  });

  it('counts as lost what the driver counts and tells nothing of', () => {
    expect(of({ a: { ...node('healthy'), expected: 2 } }).message).toContain(
      'of 2 boards that agents tell of: 1 lost (1 on a)',
    );
  });

  it('does not know where nobody tells', () => {
    expect(of({})).toMatchObject({ status: 'Unknown', reason: 'HealthNotKnown', message: 'no agent tells of a board' });
    expect(of({ a: node('unknown') }).message).toBe('of none of 1 boards it is known how they are');
  });
});
