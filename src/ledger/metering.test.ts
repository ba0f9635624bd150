import { describe, expect, it } from 'vitest';
import { Store } from '../kube/store.ts';
import type { Member, MemberNode } from '../regions/index.ts';
import { aNode, aRegion } from '../regions/testing.ts';
import type { NodeState } from './cluster-ledger.ts';
import { type Agents, meteringOf, NO_AGENTS } from './metering.ts';

function aMember(...names: string[]): Member {
  const nodes = new Store<MemberNode>();
  for (const name of names) nodes.apply(aNode(name));
  nodes.apply(aNode('cpu-only', 0, { allocatable: { cpuMilli: 1, memoryMi: 1, extended: {}, pods: 1 } }));
  return { object: aRegion('guian'), nodes } as unknown as Member;
}
const of = (member: Member, states: Record<string, NodeState>, more: Partial<Agents> = {}) =>
  meteringOf(member, { ...NO_AGENTS, states: new Map(Object.entries(states)), ...more });

describe('meteringOf', () => {
  it('is well when the agents of all accelerator nodes report', () => {
    expect(of(aMember('a', 'b'), { a: 'reporting', b: 'reporting' })).toMatchObject({
      status: 'True',
      reason: 'AllReport',
      nodes: { reporting: 2, silent: 0, missing: 0 },
    });
  });

  it('names nodes that are silent and nodes without an agent', () => {
    const metering = of(aMember('a', 'b', 'c'), { a: 'reporting', b: 'silent', gone: 'silent' });
    expect(metering).toMatchObject({ status: 'False', reason: 'NodesSilent', nodes: { silent: 1, missing: 1 } });
    expect(metering.message).toBe(
      'of 3 accelerator nodes 1 say nothing for 5 minutes (b), 1 have no agent (c): their energy is an estimate',
    );
  });

  it('says of agents that report and cannot measure why the first one cannot', () => {
    const metering = of(
      aMember('a', 'b', 'c'),
      { a: 'reporting', b: 'blind', c: 'blind' },
      { troubleOf: (node) => `${node}'s nvidia-smi hangs.` },
    );
    expect(metering).toMatchObject({ status: 'False', reason: 'NoSamples', nodes: { reporting: 1, blind: 2 } });
    expect(metering.message).toBe(
      "of 3 accelerator nodes 2 cannot measure (b, c; b: b's nvidia-smi hangs): their energy is an estimate",
    );
  });

  it('names clocks that are wrong, where all else is well', () => {
    const clocksOff = new Map([['b', -600_400]]);
    const metering = of(aMember('a', 'b'), { a: 'reporting', b: 'reporting' }, { clocksOff });
    expect(metering).toMatchObject({ status: 'False', reason: 'ClocksOff' });
    expect(metering.message).toContain('clocks of 1 nodes are wrong (b by -600 s)');
    expect(of(aMember('a', 'b'), { a: 'reporting', b: 'silent' }, { clocksOff }).reason).toBe('NodesSilent');
  });

  it('says when there is no agent at all, and when reports are refused', () => {
    expect(of(aMember('a'), {})).toMatchObject({ status: 'False', reason: 'NoAgents' });
    const refused = of(
      aMember('a'),
      { a: 'reporting' },
      { refused: ['aidc-system/aidc-energy-a: totals: is no JSON'] },
    );
    expect(refused).toMatchObject({ status: 'False', reason: 'ReportsRefused' });
    expect(refused.message).toContain('is no JSON');
  });
});
