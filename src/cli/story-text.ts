/** A story as text: what matters first, then the records. */
import type { Decision, Filtered } from '../api/decision.ts';
import type { AttemptRecord, TrainerStatus } from '../api/training-status.ts';
import { isEstimate } from '../energy/index.ts';
import type { QueuePlace, Story } from './story.ts';
import { type Paint, styleOf, table } from './table.ts';
import * as units from './units.ts';

const LABEL_WIDTH = 12;
const INDENT = '  ';

export function storyText(story: Story, nowMs: number, paint: Paint): string {
  const line = (label: string, text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : [`${paint('strong', label.padEnd(LABEL_WIDTH))}${text}`];
  const { queue, placement, usage, progress, nextAttemptTime } = story;
  const state = `${paint(styleOf(story.phase), story.phase)}${
    story.since === undefined ? '' : ` for ${units.ago(story.since, nowMs)}`
  }`;
  const head = [
    paint('strong', `${story.kind} ${story.namespace}/${story.name}`),
    ...line('State', state),
    ...line('Why', `${story.reason}${story.message === '' ? '' : `: ${story.message}`}`),
    ...line('What helps', story.help),
    ...line('Queue', queue === undefined ? undefined : queueText(queue, nowMs)),
    ...line(story.holds ? 'Place' : 'Last place', placement === undefined ? undefined : placeText(placement)),
    ...line('Progress', progress === undefined ? undefined : progressText(progress, nowMs)),
    ...line('Restarts', story.restarts),
    ...line('Avoids', story.avoid?.map(({ node, cluster, reason }) => `${node} in ${cluster} (${reason})`).join(', ')),
    ...line('Next try', nextAttemptTime === undefined ? undefined : `not before ${nextAttemptTime}`),
    ...line('Used', usage === undefined ? undefined : usageText(usage)),
  ];
  return [head.join('\n'), ...sections(story, nowMs, paint)].join('\n\n');
}

function queueText({ name, position, pending, expectedStartTime, note }: QueuePlace, nowMs: number): string {
  const place = position === undefined ? '' : `, position ${position} of ${pending}`;
  return `${name}${place}${startText(expectedStartTime, nowMs)}${note === undefined ? '' : `; ${note}`}`;
}

function startText(expected: string | undefined, nowMs: number): string {
  if (expected === undefined) return '';
  const left = Date.parse(expected) - nowMs;
  return `, expected to start ${left > 0 ? `in ${units.duration(left)}` : 'soon'} (${expected})`;
}

/** As of when it was told: the rest of one that waits again stands still. */
function progressText(told: TrainerStatus, nowMs: number): string {
  const { progressPercentage: percent, estimatedRemainingSeconds: left, lastUpdatedTime } = told;
  const parts = [
    ...(percent === undefined ? [] : [`${percent} %`]),
    ...(left === undefined ? [] : [`about ${units.duration(left * 1000)} to run`]),
  ];
  return `${parts.join(', ')} (told ${units.ago(lastUpdatedTime, nowMs)} ago)`;
}

function placeText({ region, cluster, accelerator, gpus, nodeCount, nodes }: NonNullable<Story['placement']>): string {
  const where = cluster === region ? region : `${region} (cluster ${cluster})`;
  const more = nodeCount > nodes.length ? ', ...' : '';
  const what = accelerator === '' ? '' : `${gpus} ${accelerator} on `;
  return `${where}: ${what}${nodeCount} node${nodeCount === 1 ? '' : 's'} (${nodes.join(', ')}${more})`;
}

export function usageText(usage: NonNullable<Story['usage']>): string {
  const estimate = isEstimate(usage);
  const parts = [
    `${units.gpuHours(usage.gpuSeconds)} GPU-hours`,
    units.marked(`${units.kWh(usage.facilityJoules)} kWh`, estimate),
    ...[usage, ...(usage.otherCosts ?? [])].map(({ costMicros, currency }) =>
      units.marked(units.money(costMicros, currency), estimate),
    ),
    units.marked(`${units.kilograms(usage.carbonGrams)} CO2`, estimate),
  ];
  return `${parts.join(', ')}; until ${usage.until}`;
}

function sections(story: Story, nowMs: number, paint: Paint): string[] {
  const titled = (title: string, header: readonly string[], rows: readonly (readonly string[])[]): string[] =>
    rows.length === 0 ? [] : [`${paint('strong', title)}\n${table(header, rows, paint, INDENT)}`];
  const { decision, replicas = [], attempts = [], offers = [], shortfalls = [], events } = story;
  return [
    ...titled(
      'Replicas',
      ['REPLICA', 'STATE', 'REGION', 'NODES', 'MESSAGE'],
      replicas.map(({ replica, state, region, nodes, message }) => [
        ...[String(replica), state, region, nodes.join(','), message ?? ''],
      ]),
    ),
    ...(decision === undefined ? [] : [decisionText(decision, ofWhat(story), paint)]),
    ...titled(
      'Offers',
      ['RANK', 'REGION', 'CLUSTER', 'START', 'GPUS', 'NODES', 'COST', 'KWH', 'CO2'],
      offers.map((offer) => [
        ...[String(offer.rank), offer.region, offer.cluster, offer.startTime],
        ...[
          `${offer.gpus} ${offer.accelerator}`.trim(),
          String(offer.nodes),
          `~${units.money(offer.costMicros, offer.currency)}`,
        ],
        ...[`~${units.kWh(offer.wattHours * 3600)}`, `~${units.kilograms(offer.carbonGrams)}`],
      ]),
    ),
    ...titled('Not there', ['CLUSTER', 'REASON', 'MESSAGE'], shortfalls.map(filteredRow)),
    ...titled('Attempts', ['ATTEMPT', 'REGION', 'ENDED', 'BY', 'RAN', 'MESSAGE'], attempts.map(attemptRow(nowMs))),
    ...titled(
      'Events',
      ['AGO', 'REASON', 'NOTE'],
      events.map(({ time, reason, note, count }) => [
        units.ago(time, nowMs),
        count > 1 ? `${reason} x${count}` : reason,
        note,
      ]),
    ),
  ];
}

const filteredRow = ({ cluster, reason, message }: Filtered): string[] => [cluster, reason, message];

const attemptRow =
  (nowMs: number) =>
  (record: AttemptRecord): string[] => [
    String(record.attempt),
    record.region,
    `${units.ago(record.endTime, nowMs)} ago`,
    record.endReason,
    units.duration(record.runningSeconds * 1000),
    record.message ?? '',
  ];

/** Status keeps one record: the last. */
function ofWhat({ holds, replicas = [] }: Story): string {
  if (replicas.length > 1) return ', of the replica admitted last';
  return holds ? '' : ', of the last attempt';
}

/** The record of the choice of region: what competed, and what was out. */
function decisionText(
  { policy, reason, currency, candidates, filtered }: Decision,
  ofWhat: string,
  paint: Paint,
): string {
  const rows = candidates.map((one) => [
    ...[one.cluster, one.accelerator, String(one.scorePermille)],
    `~${units.money(one.costMicrosPerHour, currency ?? '')}`.trim(),
    `~${units.kilowatts(one.watts)}`,
    `~${units.kilograms(one.carbonGramsPerHour)}`,
    one.latencyMs === undefined ? '-' : `${one.latencyMs} ms`,
  ]);
  const header = ['CLUSTER', 'GPU', 'SCORE', 'COST/H', 'POWER', 'CO2/H', 'LATENCY'];
  const parts = [`${paint('strong', `Decision (${policy})${ofWhat}`)}\n${INDENT}${reason}`];
  if (rows.length > 0) parts.push(table(header, rows, paint, INDENT));
  if (filtered.length > 0) parts.push(table(['OUT', 'REASON', 'MESSAGE'], filtered.map(filteredRow), paint, INDENT));
  return parts.join('\n');
}
