/**
 * Frontiers of power caps: what a workload takes in time and power under each limit of its board, as measured
 * beforehand (Zeus, NSDI'23, has some published).
 */

/** One workload on one board. */
export interface Frontier {
  /** What is trained; frontiers of one model differ in batch size and the like. */
  readonly model: string;
  /** At least two limits, ascending; the last one is the board's default limit. */
  readonly points: readonly FrontierPoint[];
}

export interface FrontierPoint {
  readonly limitWatts: number;
  /** For a fixed amount of work, in any unit. */
  readonly time: number;
  /** Mean power over that time. */
  readonly watts: number;
}

/** Against the default limit, for the same work. */
export interface Effect {
  /** More time, as a share: 0.05 is 5 % more. */
  readonly slowdown: number;
  /** Less energy, as a share. */
  readonly saved: number;
}

/** Text that holds no frontiers; the message names the line. */
export class BadFrontier extends Error {
  override readonly name = 'BadFrontier';
}

const COLUMNS = ['power_limit', 'time_per_epoch', 'average_power'] as const;
/** A model is named by these; all other columns tell workloads of one model apart. */
const MODEL_COLUMNS = ['dataset', 'network'] as const;

/**
 * Reads CSV with a header: power_limit (W), time_per_epoch, average_power (W), and what names the workload. The highest
 * limit in the text is the board's default; workloads that were not measured at it, or at no other, are left out.
 * @throws BadFrontier
 */
export function readFrontiers(csv: string): Frontier[] {
  const [header = '', ...lines] = csv.split(/\r?\n/);
  const names = header.split(',').map((name) => name.trim());
  const [limitAt, timeAt, wattsAt] = COLUMNS.map((name) => columnOf(names, name));
  const runs = new Map<string, { model: string; points: FrontierPoint[] }>();
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const cells = line.split(',').map((cell) => cell.trim());
    const number = (at: number | undefined): number => positive(cells[at ?? -1], index + 2);
    const point = { limitWatts: number(limitAt), time: number(timeAt), watts: number(wattsAt) };
    const rest = cells.filter((_, at) => !COLUMNS.some((name) => names[at] === name));
    const model = MODEL_COLUMNS.flatMap((name) => cells[names.indexOf(name)] ?? []).join('/');
    const run = runs.get(rest.join(',')) ?? { model, points: [] };
    run.points.push(point);
    runs.set(rest.join(','), run);
  }
  const all = [...runs.values()];
  const defaultWatts = Math.max(...all.flatMap(({ points }) => points.map(({ limitWatts }) => limitWatts)));
  const frontiers = all
    .map(({ model, points }) => ({ model, points: points.sort((a, b) => a.limitWatts - b.limitWatts) }))
    .filter(({ points }) => points.length > 1 && points.at(-1)?.limitWatts === defaultWatts);
  if (frontiers.length === 0) throw new BadFrontier('no workload was measured at the highest limit and at another one');
  return frontiers;
}

function columnOf(names: readonly string[], name: string): number {
  const at = names.indexOf(name);
  if (at < 0) throw new BadFrontier(`line 1 names no column ${name}; its columns are ${names.join(', ')}`);
  return at;
}

function positive(cell: string | undefined, line: number): number {
  const value = Number(cell);
  if (cell === undefined || cell === '' || !Number.isFinite(value) || value <= 0) {
    throw new BadFrontier(`line ${line} has '${cell ?? ''}' where a number above 0 is due`);
  }
  return value;
}

const lowest = ({ points }: Frontier): FrontierPoint => points[0] as FrontierPoint;
const uncapped = ({ points }: Frontier): FrontierPoint => points.at(-1) as FrontierPoint;

/** What the workload draws when nothing holds it back, in watts: this a running workload tells of itself. */
export const drawOf = (frontier: Frontier): number => uncapped(frontier).watts;
export const defaultLimitOf = (frontier: Frontier): number => uncapped(frontier).limitWatts;
export const lowestLimitOf = (frontier: Frontier): number => lowest(frontier).limitWatts;

/** On the straight line between the limits that were measured; beyond them, as at the nearest. */
export function effectAt(frontier: Frontier, limitWatts: number): Effect {
  const { points } = frontier;
  const next = points.findIndex((point) => point.limitWatts >= limitWatts);
  const above = points[next] ?? uncapped(frontier);
  const below = next > 0 ? (points[next - 1] as FrontierPoint) : above;
  const part = above === below ? 1 : (limitWatts - below.limitWatts) / (above.limitWatts - below.limitWatts);
  const [from, to] = [effectOf(below, frontier), effectOf(above, frontier)];
  return {
    slowdown: from.slowdown + (to.slowdown - from.slowdown) * part,
    saved: from.saved + (to.saved - from.saved) * part,
  };
}

function effectOf({ time, watts }: FrontierPoint, frontier: Frontier): Effect {
  const full = uncapped(frontier);
  return { slowdown: time / full.time - 1, saved: 1 - (time * watts) / (full.time * full.watts) };
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Mean over models of the mean over a model's workloads: a model that was measured often counts no more than others. */
export function meanByModel(frontiers: readonly Frontier[], of: (frontier: Frontier) => Effect): Effect {
  const models = Map.groupBy(frontiers, ({ model }) => model);
  const each = [...models.values()].map((workloads) => {
    const effects = workloads.map(of);
    return {
      slowdown: mean(effects.map(({ slowdown }) => slowdown)),
      saved: mean(effects.map(({ saved }) => saved)),
    };
  });
  return { slowdown: mean(each.map(({ slowdown }) => slowdown)), saved: mean(each.map(({ saved }) => saved)) };
}
