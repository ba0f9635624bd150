import type { ComputeQueue, ComputeQueueStatus } from '../api/compute-queue.ts';
import { usedText } from '../core/budgets.ts';
import { CliError, EXIT } from './errors.ts';
import { QUEUES } from './kinds.ts';
import { CONNECTION_FLAGS, type Command, DISPLAY_FLAGS, print } from './session.ts';
import { type Paint, styleOf, table } from './table.ts';

export const queue: Command = {
  name: 'queue',
  args: '[NAME]',
  count: [0, 1],
  summary: 'the tree of queues with quota and what waits; of one queue also who waits, in order',
  flags: [...CONNECTION_FLAGS, ...DISPLAY_FLAGS],
  run: async (session) => {
    const [name] = session.args;
    const hub = session.connect();
    if (name === undefined) {
      const rows = queueRows(await hub.list<ComputeQueue>(QUEUES));
      return print(session, { queues: rows }, (paint) => queuesText(rows, paint));
    }
    const found = await hub.get<ComputeQueue>(QUEUES, name);
    if (found === undefined) throw new CliError(EXIT.notFound, `there is no ComputeQueue ${name}.`);
    const row = queueRow(found, 0);
    return print(session, row, (paint) => queueText(row, paint));
  },
};

export interface QueueRow {
  readonly name: string;
  readonly parent?: string;
  /** Steps below a root. */
  readonly depth: number;
  readonly stopPolicy: string;
  readonly ready: string;
  readonly message: string;
  readonly admitted: number;
  readonly pending: number;
  readonly pendingByReason: NonNullable<ComputeQueueStatus['pendingByReason']>;
  readonly usage: NonNullable<ComputeQueueStatus['usage']>;
  readonly budgets: NonNullable<ComputeQueueStatus['budgets']>;
  readonly head: NonNullable<ComputeQueueStatus['head']>;
}

function queueRow({ metadata, spec, status }: ComputeQueue, depth: number): QueueRow {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return {
    name: metadata.name,
    ...(spec.parent === undefined ? {} : { parent: spec.parent }),
    depth,
    stopPolicy: spec.stopPolicy,
    ready: ready?.status ?? 'Unknown',
    message: ready?.message ?? 'the operator has not looked at it yet.',
    admitted: status?.admitted ?? 0,
    pending: status?.pending ?? 0,
    pendingByReason: status?.pendingByReason ?? [],
    usage: status?.usage ?? [],
    budgets: status?.budgets ?? [],
    head: status?.head ?? [],
  };
}

/** Each queue after its parent; those whose parent is missing, or that are in a circle, stand as roots. */
export function queueRows(queues: readonly ComputeQueue[]): QueueRow[] {
  const sorted = [...queues].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const names = new Set(sorted.map(({ metadata }) => metadata.name));
  const rows: QueueRow[] = [];
  const placed = new Set<string>();
  const place = (one: ComputeQueue, depth: number): void => {
    const { name } = one.metadata;
    if (placed.has(name)) return;
    placed.add(name);
    rows.push(queueRow(one, depth));
    for (const child of sorted) if (child.spec.parent === name) place(child, depth + 1);
  };
  for (const one of sorted) if (one.spec.parent === undefined || !names.has(one.spec.parent)) place(one, 0);
  for (const one of sorted) place(one, 0);
  return rows;
}

const gpus = (milli: number): string => String(milli / 1000);

/** `H100 24/64`, and where the row is of one region `H100@guian 8/16`. */
function usageText({ usage }: QueueRow): string {
  const parts = usage.map(({ accelerator, region, nominal, usedMilliGpus }) => {
    const key = region === '*' ? accelerator : `${accelerator}@${region}`;
    return `${key} ${gpus(usedMilliGpus)}/${nominal}`;
  });
  return parts.join(', ') || '-';
}

const reasonsText = ({ pendingByReason }: QueueRow): string =>
  pendingByReason.map(({ reason, count }) => `${count} ${reason}`).join(', ') || '-';

export function queuesText(rows: readonly QueueRow[], paint: Paint): string {
  if (rows.length === 0) return 'There is no ComputeQueue.';
  const lines = rows.map((row) => [
    `${'  '.repeat(row.depth)}${row.name}`,
    [row.ready, styleOf(row.ready)] as const,
    row.stopPolicy,
    String(row.admitted),
    String(row.pending),
    usageText(row),
    reasonsText(row),
  ]);
  return table(['QUEUE', 'READY', 'STOP', 'ADMITTED', 'PENDING', 'USED/QUOTA', 'WAITING FOR'], lines, paint);
}

export function queueText(row: QueueRow, paint: Paint): string {
  const parts = [queuesText([row], paint)];
  if (row.ready !== 'True') parts.push(row.message);
  if (row.usage.length > 0) {
    const lines = row.usage.map(({ accelerator, region, nominal, usedMilliGpus, borrowedMilliGpus }) => [
      ...[accelerator, region, String(nominal), gpus(usedMilliGpus), gpus(borrowedMilliGpus)],
    ]);
    parts.push(table(['GPU', 'REGION', 'QUOTA', 'USED', 'BORROWED'], lines, paint));
  }
  if (row.budgets.length > 0) {
    const lines = row.budgets.map(({ period, measure, currency = '', used, limit, state, ...times }) => [
      ...[period, usedText(measure, used, limit, currency), state],
      ...[times.until, times.exhaustion ?? '-', times.periodEnd],
    ]);
    parts.push(table(['BUDGET', 'USED', 'STATE', 'COUNTED TO', 'USED UP AT', 'RESETS'], lines, paint));
  }
  if (row.head.length > 0) {
    const lines = row.head.map(({ position, namespace, name, kind, priority, expectedStartTime }) => [
      ...[String(position), namespace, name, kind, String(priority), expectedStartTime ?? '-'],
    ]);
    parts.push(table(['POSITION', 'NAMESPACE', 'NAME', 'KIND', 'PRIORITY', 'EXPECTED START'], lines, paint));
    if (row.pending > row.head.length) parts.push(`and ${row.pending - row.head.length} more`);
  }
  return parts.join('\n\n');
}
