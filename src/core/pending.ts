/** Why a workload waits: one reason of the closed set, and a sentence with the numbers. */
import type { Filtered, PendingReason } from '../api/index.ts';
import { PENDING_REASON } from '../api/index.ts';
import { explainBudget } from './budget-room.ts';
import type { ClusterView, Workload } from './model.ts';
import type { Answer, Obstacle, Option, Options } from './options.ts';
import { obstacleOf } from './options.ts';
import type { GangShort } from './placement.ts';
import { explainPower } from './power/power-room.ts';
import type { Room } from './room.ts';
import { largestGang, largestIdleGang } from './shortfall.ts';
import { type DomainShort, doesNotFitNow, largestNow, neverFits } from './topology-short.ts';

interface Refusal {
  readonly option: Option;
  readonly obstacle: Obstacle;
}

/** Asked when no option fits. */
export function whyPending(workload: Workload, options: Options, room: Room): Answer {
  const { allowed, filtered } = options;
  const refusals = options.groups.flat().map((option) => ({ option, obstacle: obstacleOf(option, workload, room) }));
  const answer = (reason: PendingReason, message: string): Answer => ({
    reason,
    message: message.slice(0, MAX_MESSAGE),
    filtered: [...filtered, ...filteredOf(workload, options, refusals, room)],
  });
  if (allowed.length === 0) return answer(PENDING_REASON.NoRegionAllowed, noRegionAllowed(filtered));
  if (refusals.length === 0) return answer(PENDING_REASON.NoSuchAccelerator, noSuchAccelerator(workload, allowed));
  const stage = Math.max(...refusals.map(({ obstacle }) => obstacle.stage));
  const nearest = refusals.filter(({ obstacle }) => obstacle.stage === stage);
  const [reason, message] = sentence(workload, nearest, room);
  return answer(reason, message);
}

/** Bounds of a condition's message and of a `filtered` entry's. */
const MAX_MESSAGE = 1024;
const MAX_FILTERED_MESSAGE = 512;
const MAX_NAMED = 6;

/**
 * One entry for each allowed cluster that does not do, by what came nearest there.
 * `candidates` would do; a cluster that was not asked offers only types that stand later in the user's order.
 */
export function filteredOf(
  workload: Workload,
  options: Options,
  refusals: readonly Refusal[],
  room: Room,
  candidates: ReadonlySet<string> = new Set(),
): Filtered[] {
  const nearest = new Map<string, Refusal>();
  for (const refusal of refusals) {
    const known = nearest.get(refusal.option.cluster.name);
    if (known === undefined || refusal.obstacle.stage > known.obstacle.stage) {
      nearest.set(refusal.option.cluster.name, refusal);
    }
  }
  return options.allowed
    .filter(({ name }) => !candidates.has(name))
    .map((cluster) => {
      const refusal = nearest.get(cluster.name);
      return refusal === undefined ? notAsked(workload, cluster) : filteredBy(workload, refusal, room);
    });
}

function notAsked(workload: Workload, cluster: ClusterView): Filtered {
  const types = cluster.accelerators.map(({ type }) => type);
  const later = workload.request.accelerators.find(({ type }) => types.includes(type));
  if (later !== undefined) {
    return entry(cluster.name, 'LaterChoice', `its ${later.type} comes after a type that fits elsewhere`);
  }
  const has = types.join(', ') || 'none';
  const message = `it has no ${typesAsked(workload)}; its accelerators: ${has}`;
  return entry(cluster.name, PENDING_REASON.NoSuchAccelerator, message);
}

const entry = (cluster: string, reason: string, message: string): Filtered => ({
  cluster,
  reason,
  message: message.slice(0, MAX_FILTERED_MESSAGE),
});

function filteredBy(workload: Workload, refusal: Refusal, room: Room): Filtered {
  const { option, obstacle } = refusal;
  const { unusable, name } = option.cluster;
  if (obstacle.stage === 5 && unusable !== undefined) return entry(name, unusable.reason, unusable.message);
  if (obstacle.stage === 7) {
    const { fittingPods, neededPods } = obstacle.nodes;
    const gang = largestNow(obstacle.nodes, workload.request.topology);
    if (gang !== '') return entry(name, obstacle.reason, gang + limitedBy(obstacle.nodes));
    return entry(name, obstacle.reason, `${fittingPods} of ${neededPods} pods fit now${limitedBy(obstacle.nodes)}`);
  }
  const [reason, message] = sentence(workload, [refusal], room);
  return entry(name, reason, message.replace(/\.$/, ''));
}

function noRegionAllowed(filtered: readonly Filtered[]): string {
  if (filtered.length === 0) return 'there is no RegionalCluster: create one.';
  const named = filtered.slice(0, MAX_NAMED).map(({ cluster, message }) => `${cluster}: ${message}`);
  return `no region is allowed: ${named.join('; ')}${more(filtered.length)}.`;
}

const more = (count: number): string => (count > MAX_NAMED ? `; and ${count - MAX_NAMED} more` : '');

function noSuchAccelerator(workload: Workload, allowed: readonly ClusterView[]): string {
  const where = new Map<string, string[]>();
  for (const { name, accelerators } of allowed) {
    for (const { type } of accelerators) where.set(type, [...(where.get(type) ?? []), name]);
  }
  const types = [...where].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, names]) => `${type} (${names.join(', ')})`);
  const exist = types.length === 0 ? 'they have no accelerators' : `there are ${types.join(', ')}`;
  return `no allowed region has ${typesAsked(workload)}: ${exist}.`;
}

const typesAsked = (workload: Workload): string => workload.request.accelerators.map(({ type }) => type).join(' or ');

/** Said of refusals of one stage. */
function sentence(workload: Workload, nearest: readonly Refusal[], room: Room): [PendingReason, string] {
  const names = [...new Set(nearest.map(({ option }) => option.cluster.name))];
  const { obstacle } = nearest[0] as Refusal;
  switch (obstacle.stage) {
    case 1: {
      const types = [...new Set(nearest.map(({ option }) => option.entry?.type))].join(' or ');
      const fix = `add one to queue ${workload.queue} or to a queue above it`;
      return [obstacle.reason, `no quota row covers ${types} in ${names.join(', ')}: ${fix}.`];
    }
    case 2:
    case 6:
      return quotaSentence(workload, nearest, room);
    case 3:
      return [obstacle.reason, tooLarge(workload, nearest)];
    case 4:
    case 8:
      return [obstacle.reason, powerSentence(nearest)];
    case 5:
      return [obstacle.reason, unreachable(nearest)];
    case 7:
      return nodesSentence(workload, nearest);
    case 9:
      return [obstacle.reason, `${explainBudget(obstacle.budget)}.`];
  }
}

/** Of several, the one that is short by the least. */
function quotaSentence(workload: Workload, nearest: readonly Refusal[], room: Room): [PendingReason, string] {
  const shorts = nearest.flatMap(({ obstacle }) => ('quota' in obstacle ? [{ ...obstacle }] : []));
  const by = ({ quota }: (typeof shorts)[number]): number =>
    quota.neededMilli - (quota.exceedsMax ? quota.maxMilli : quota.availableMilli);
  const least = shorts.reduce((best, short) => (by(short) < by(best) ? short : best));
  return [least.reason, `${room.quota.explain(workload.queue, least.quota)}.`];
}

function unreachable(nearest: readonly Refusal[]): string {
  const said = new Map(nearest.map(({ option }) => [option.cluster.name, option.cluster.unusable?.message]));
  const named = [...said].slice(0, MAX_NAMED).map(([name, message]) => `${name}: ${message}`);
  return `it can only run where nothing can be placed now: ${named.join('; ')}${more(said.size)}.`;
}

/** Those that lack the least first. */
function powerSentence(nearest: readonly Refusal[]): string {
  const shorts = nearest
    .flatMap(({ obstacle }) => ('power' in obstacle ? [obstacle.power] : []))
    .sort((a, b) => a.neededWatts - a.freeWatts - (b.neededWatts - b.freeWatts));
  return `${shorts.slice(0, MAX_NAMED).map(explainPower).join('; ')}${more(shorts.length)}.`;
}

/** `16 pods x 8 H100`, or what CPU-only pods ask for. */
function needs(workload: Workload, option: Option): string {
  const { pods, cpuMilli, memoryMi } = workload.request;
  const what =
    option.entry === undefined
      ? `${cpuMilli / 1000} cpu and ${memoryMi} MiB`
      : `${option.entry.countPerNode} ${option.entry.type}`;
  return `${count(pods, 'pod')} x ${what}`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** Not even an idle region would do: measured against the one that could take the most. */
function tooLarge(workload: Workload, nearest: readonly Refusal[]): string {
  const sized = nearest.flatMap(({ option, obstacle }) =>
    obstacle.stage === 3 ? [{ option, nodes: obstacle.nodes }] : [],
  );
  const { option, nodes } = sized.reduce((best, next) =>
    largestIdleGang(next.nodes) > largestIdleGang(best.nodes) ? next : best,
  );
  const { pods } = workload.request;
  const bound = domainShort(workload, option, nodes);
  if (bound !== undefined && sized.some((one) => one.nodes.idlePods >= pods)) return neverFits(bound);
  const each = option.entry?.countPerNode ?? 0;
  const type = option.entry?.type ?? '';
  const whole = nodes.idlePods === nodes.idleNodes;
  const noun = whole && each > 0 ? 'node' : 'pod';
  const boards = (number: number): string => (each > 0 ? ` (${number * each} ${type})` : '');
  const missing = pods - nodes.idlePods;
  const need = each > 0 ? `${count(pods, noun)} x ${each} ${type} = ${pods * each}` : needs(workload, option);
  const such = `${nodes.idlePods} such ${noun}${nodes.idlePods === 1 ? '' : 's'}`;
  const has = noun === 'node' ? `has ${such}` : `has room for ${such}`;
  const short = `${count(missing, noun)}${boards(missing)} short${hints(nodes, each)}`;
  return `needs ${need}; the largest region ${option.cluster.name} ${has}${boards(nodes.idlePods)}: ${short}.`;
}

/** undefined: no topology is required. */
function domainShort(workload: Workload, option: Option, nodes: GangShort): DomainShort | undefined {
  const { topology, pods } = workload.request;
  const { domains } = nodes;
  if (topology === undefined || domains === undefined) return undefined;
  const { countPerNode: each = 0, type = '' } = option.entry ?? {};
  return {
    cluster: option.cluster.name,
    needs: `${needs(workload, option)}${each > 0 ? ` = ${pods * each}` : ''}`,
    topology,
    nodes: { ...nodes, domains },
    pods: (number) => `${count(number, 'pod')}${each > 0 ? ` (${number * each} ${type})` : ''}`,
  };
}

function hints(nodes: GangShort, boardsEach: number): string {
  const unsuited = nodes.nodes - nodes.suitableNodes;
  const parts = [];
  if (unsuited > 0)
    parts.push(`; ${unsuited} of its ${count(nodes.nodes, 'node')} do not suit nodeSelector and tolerations`);
  if (boardsEach > 0 && nodes.idlePodsByBoards > nodes.idlePods) parts.push('; its nodes have too little cpu for more');
  return parts.join('');
}

/** Boards, or cpu, memory or pods beside them, are short now. */
function nodesSentence(workload: Workload, nearest: readonly Refusal[]): [PendingReason, string] {
  const sized = nearest
    .flatMap(({ option, obstacle }) => (obstacle.stage === 7 ? [{ option, obstacle, nodes: obstacle.nodes }] : []))
    .sort(
      (a, b) => largestGang(b.nodes) - largestGang(a.nodes) || (a.option.cluster.name < b.option.cluster.name ? -1 : 1),
    );
  const [best] = sized as [(typeof sized)[number]];
  const same = sized.filter(({ option }) => option.entry === best.option.entry);
  const bound = same.flatMap(({ option, nodes }) => domainShort(workload, option, nodes) ?? []);
  if (bound.length > 0) return [best.obstacle.reason, doesNotFitNow(bound, MAX_NAMED)];
  const now = same.slice(0, MAX_NAMED).map(({ option, nodes }) => `${option.cluster.name} ${nodes.fittingPods}`);
  const missing = best.nodes.neededPods - best.nodes.fittingPods;
  const free = `now free: ${now.join(', ')} such pods${more(same.length)}`;
  const short = `short ${missing} in ${best.option.cluster.name}${limitedBy(best.nodes)}`;
  const others = [...new Set(sized.filter((one) => !same.includes(one)).map(({ option }) => needs(workload, option)))];
  const or = others.length > 0 ? ` (nor ${others.join(', nor ')})` : '';
  return [best.obstacle.reason, `needs ${needs(workload, best.option)}${or}; ${free}; ${short}.`];
}

const RESOURCE = { boards: 'accelerators', cpu: 'cpu', memory: 'memory', pods: 'pod slots' } as const;

function limitedBy(nodes: GangShort): string {
  const avoided = nodes.avoidedNodes > 0 ? `, ${count(nodes.avoidedNodes, 'node')} avoided after failures` : '';
  if (nodes.why === 'boards') return avoided;
  return `, limited by ${RESOURCE[nodes.why]} (accelerators alone would do)${avoided}`;
}
