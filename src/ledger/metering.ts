import type { Member } from '../regions/index.ts';
import type { NodeState } from './cluster-ledger.ts';

/** How well a member is metered. */
export interface Metering {
  readonly status: 'True' | 'False';
  readonly reason: 'AllReport' | 'NoAgents' | 'NodesSilent' | 'NoSamples' | 'ClocksOff' | 'ReportsRefused';
  readonly message: string;
  /** Accelerator nodes by what their agents say. */
  readonly nodes: Readonly<Record<NodeState | 'missing', number>>;
}

const NAMED = 3;

/** What is known of the agents of a member. */
export interface Agents {
  /** By node. */
  readonly states: ReadonlyMap<string, NodeState>;
  /** Why reports cannot be booked, each with its ConfigMap. */
  readonly refused: readonly string[];
  /** Why the agent of a blind node has no samples. */
  readonly troubleOf: (node: string) => string | undefined;
  /** By how much clocks of nodes are ahead, in ms, where that is too much. */
  readonly clocksOff: ReadonlyMap<string, number>;
}

export const NO_AGENTS: Agents = {
  ...{ states: new Map(), refused: [], clocksOff: new Map() },
  troubleOf: () => undefined,
};

export function meteringOf(member: Member, { states, refused, troubleOf, clocksOff }: Agents): Metering {
  const silent: string[] = [];
  const missing: string[] = [];
  const blind: string[] = [];
  let reporting = 0;
  for (const { metadata, allocatable } of member.nodes.list()) {
    const { accelerators } = member.object.spec;
    if (!accelerators.some(({ resourceName }) => (allocatable.extended[resourceName] ?? 0) > 0)) continue;
    const state = states.get(metadata.name);
    if (state === 'reporting') reporting += 1;
    else if (state === 'blind') blind.push(metadata.name);
    else (state === undefined ? missing : silent).push(metadata.name);
  }
  const nodes = { reporting, blind: blind.length, silent: silent.length, missing: missing.length };
  const all = reporting + blind.length + silent.length + missing.length;
  const say = (status: Metering['status'], reason: Metering['reason'], message: string): Metering => ({
    status,
    reason,
    message,
    nodes,
  });
  const [refusal] = refused;
  if (refusal !== undefined) {
    return say('False', 'ReportsRefused', `${refused.length} reports cannot be booked, first ${refusal}`);
  }
  if (clocksOff.size > 0 && reporting === all) {
    const off = [...clocksOff].map(([node, ms]) => `${node} by ${Math.round(ms / 1000)} s`);
    const message = `clocks of ${off.length} nodes are wrong (${named(off)}): what they measure is priced as of that time`;
    return say('False', 'ClocksOff', message);
  }
  if (reporting === all) return say('True', 'AllReport', `the agents of all ${all} accelerator nodes report`);
  if (missing.length === all) {
    return say('False', 'NoAgents', `none of ${all} accelerator nodes has an agent: energy is an estimate`);
  }
  const [first = ''] = [...blind].sort();
  const why = (troubleOf(first) ?? '').replace(/\.$/, '');
  const parts = [
    ...(blind.length > 0 ? [`${blind.length} cannot measure (${named(blind)}; ${first}: ${why})`] : []),
    ...(silent.length > 0 ? [`${silent.length} say nothing for 5 minutes (${named(silent)})`] : []),
    ...(missing.length > 0 ? [`${missing.length} have no agent (${named(missing)})`] : []),
  ];
  const reason = silent.length + missing.length > 0 ? 'NodesSilent' : 'NoSamples';
  return say('False', reason, `of ${all} accelerator nodes ${parts.join(', ')}: their energy is an estimate`);
}

/** The first few, in order. */
export const named = (nodes: readonly string[]): string =>
  `${[...nodes].sort().slice(0, NAMED).join(', ')}${nodes.length > NAMED ? ', ...' : ''}`;
