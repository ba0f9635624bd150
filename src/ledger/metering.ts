import type { Member } from '../regions/index.ts';
import type { NodeState } from './cluster-ledger.ts';

/** How well a member is metered. */
export interface Metering {
  readonly status: 'True' | 'False';
  readonly reason: 'AllReport' | 'NoAgents' | 'NodesSilent' | 'ReportsRefused';
  readonly message: string;
  /** Accelerator nodes by what their agents say. */
  readonly nodes: Readonly<Record<'reporting' | 'silent' | 'missing', number>>;
}

const NAMED = 3;

/** @param refused why reports cannot be booked, each with its ConfigMap */
export function meteringOf(
  member: Member,
  states: ReadonlyMap<string, NodeState>,
  refused: readonly string[],
): Metering {
  const silent: string[] = [];
  const missing: string[] = [];
  let reporting = 0;
  for (const { metadata, allocatable } of member.nodes.list()) {
    const { accelerators } = member.object.spec;
    if (!accelerators.some(({ resourceName }) => (allocatable.extended[resourceName] ?? 0) > 0)) continue;
    const state = states.get(metadata.name);
    if (state === 'reporting') reporting += 1;
    else (state === undefined ? missing : silent).push(metadata.name);
  }
  const nodes = { reporting, silent: silent.length, missing: missing.length };
  const all = reporting + silent.length + missing.length;
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
  if (reporting === all) return say('True', 'AllReport', `the agents of all ${all} accelerator nodes report`);
  if (reporting + silent.length === 0) {
    return say('False', 'NoAgents', `none of ${all} accelerator nodes has an agent: energy is an estimate`);
  }
  const parts = [
    ...(silent.length > 0 ? [`${silent.length} say nothing for 5 minutes (${named(silent)})`] : []),
    ...(missing.length > 0 ? [`${missing.length} have no agent (${named(missing)})`] : []),
  ];
  return say('False', 'NodesSilent', `of ${all} accelerator nodes ${parts.join(', ')}: their energy is an estimate`);
}

const named = (nodes: readonly string[]): string =>
  `${[...nodes].sort().slice(0, NAMED).join(', ')}${nodes.length > NAMED ? ', ...' : ''}`;
