/**
 * What a queue has learned of run times, from nothing but what a scheduler sees: who submitted what in which order, how
 * long it has run, what it declared and when it ended. Jobs that are submitted one after another with the same number
 * of GPUs are often runs of one experiment and last alike; so each job is judged by its neighbours in the order of
 * submission, and where these say little, by all of its size, then by all.
 */
import type { Hazard } from './service-time.ts';
import { cellOf, gittinsSeconds, LifeTable, remainingQuantile, UNINFORMED } from './service-time.ts';

/** What is known of a job when it is submitted. */
export interface Submission {
  readonly key: string;
  /** Jobs of one group resemble each other: the namespace or the user. */
  readonly group: string;
  readonly gpus: number;
  /** Seconds since some start that is the same for all. */
  readonly submittedAt: number;
}

/** Neighbours before and after in the order of submission; what is further away adds less than a tenth of the nearest. */
const NEIGHBOURS = 10;
/** Scripts and people submit the runs of one experiment within a minute of one another. */
const BURST_SECONDS = 60;
/** The wider population, as the prior of a narrower one, counts like a handful of its jobs. */
const POPULATION_COUNTS = 4;
/** Beside neighbours it counts like a fifth of the nearest one: it decides only where they have nothing to say. */
const BESIDE_NEIGHBOURS = 0.2;

/**
 * How much a neighbour says. Its place in the order counts by 1/distance. The time between two submissions counts by
 * its square root: in public traces the correlation of the logarithms of run times of successive jobs is 0.8 to 0.9
 * within a minute, 0.5 within ten, 0.3 within a hundred, and little beyond.
 */
const weightOf = (distance: number, seconds: number): number =>
  1 / (distance * Math.sqrt(1 + Math.abs(seconds) / BURST_SECONDS));

interface Entry {
  readonly series: Series;
  readonly submittedAt: number;
  readonly position: number;
  attained: number;
  /** Seconds of service in all; known once ended or declared. */
  total?: number;
  isOpen: boolean;
  /** The estimate that was made last, and of what; undefined: its neighbours have changed since. */
  estimate?: { readonly attained: number; readonly era: number; readonly seconds: number };
}

/** The jobs of one group and size in the order of submission; the oldest are forgotten. */
class Series {
  readonly gpus: number;
  #entries: Entry[] = [];
  /** Position of the first that is kept. */
  #first = 0;

  constructor(gpus: number) {
    this.gpus = gpus;
  }

  append(submittedAt: number): Entry {
    const position = this.#first + this.#entries.length;
    const entry: Entry = { series: this, position, submittedAt, attained: 0, isOpen: true };
    this.#entries.push(entry);
    return entry;
  }

  neighbours(position: number, visit: (entry: Entry, distance: number) => void): void {
    const at = position - this.#first;
    const last = Math.min(this.#entries.length - 1, at + NEIGHBOURS);
    for (let i = Math.max(0, at - NEIGHBOURS); i <= last; i++) {
      if (i !== at) visit(this.#entries[i] as Entry, Math.abs(i - at));
    }
  }

  /** Forgets those that are no neighbour of an open one or of one to come, once they are most. */
  trim(): void {
    const open = this.#entries.findIndex((entry) => entry.isOpen);
    const useless = (open < 0 ? this.#entries.length : open) - NEIGHBOURS;
    if (useless <= this.#entries.length / 2) return;
    this.#entries = this.#entries.slice(useless);
    this.#first += useless;
  }
}

export class ServiceHistory {
  readonly #series = new Map<string, Series>();
  readonly #open = new Map<string, Entry>();
  readonly #all = new LifeTable();
  readonly #bySize = new Map<number, LifeTable>();
  #ended = 0;
  /** The population's hazard by size, until the next one ends. */
  readonly #population = new Map<number, Hazard>();
  readonly #scratch = { table: new LifeTable(), hazard: Float64Array.from(UNINFORMED) };

  /** How many have ended by themselves. */
  get completions(): number {
    return this.#ended;
  }

  submitted({ key, group, gpus, submittedAt }: Submission): void {
    const name = `${gpus}/${group}`;
    const series = this.#series.get(name) ?? new Series(gpus);
    this.#series.set(name, series);
    this.#open.set(key, series.append(submittedAt));
  }

  /** It has run for `attained` seconds, over all its runs. @param remaining seconds that it declares to need more; undefined: it declares nothing (any more) */
  ran(key: string, attained: number, remaining?: number): void {
    const entry = this.#open.get(key);
    if (entry === undefined) return;
    const total = remaining === undefined ? undefined : attained + remaining;
    const isNews = cellOf(attained) !== cellOf(entry.attained) || cellOf(total ?? 0) !== cellOf(entry.total ?? 0);
    entry.attained = attained;
    if (total === undefined) delete entry.total;
    else entry.total = total;
    if (isNews) stir(entry);
  }

  /** It has ended by itself after `attained` seconds of service. */
  ended(key: string, attained: number): void {
    const entry = this.#close(key);
    if (entry === undefined) return;
    entry.total = attained;
    const size = this.#bySize.get(entry.series.gpus) ?? new LifeTable();
    this.#bySize.set(entry.series.gpus, size);
    for (const table of [this.#all, size]) table.addEnded(attained);
    this.#ended += 1;
    this.#population.clear();
    stir(entry);
    entry.series.trim();
  }

  /** It was withdrawn: that it has run so long is all that is known. */
  withdrawn(key: string): void {
    this.#close(key)?.series.trim();
  }

  /**
   * Mean service that a completion costs, by the best way to stop early; see gittinsSeconds. Seconds; what is not known
   * is judged by the whole population.
   */
  seconds(key: string, attained: number): number {
    const entry = this.#open.get(key);
    if (entry === undefined) return gittinsSeconds(this.#of(undefined), attained);
    // The population has changed enough to look again when twice as many have ended.
    const era = Math.floor(Math.log2(this.#ended + 1));
    const known = entry.estimate;
    if (known?.attained === attained && known.era === era) return known.seconds;
    const seconds = gittinsSeconds(this.#of(entry), attained);
    entry.estimate = { attained, era, seconds };
    return seconds;
  }

  /** Seconds more within which it ends with the chance `p` (0 to 1), if it runs without a break. */
  remaining(key: string, attained: number, p: number): number {
    return remainingQuantile(this.#of(this.#open.get(key)), attained, p);
  }

  #close(key: string): Entry | undefined {
    const entry = this.#open.get(key);
    this.#open.delete(key);
    if (entry !== undefined) entry.isOpen = false;
    return entry;
  }

  /** The estimate for one job; valid until the next is asked for. */
  #of(entry: Entry | undefined): Hazard {
    const { table, hazard } = this.#scratch;
    if (entry === undefined) return this.#all.hazard(UNINFORMED, POPULATION_COUNTS, hazard);
    table.clear();
    entry.series.neighbours(entry.position, ({ total, attained, submittedAt }, distance) => {
      const weight = weightOf(distance, submittedAt - entry.submittedAt);
      if (total !== undefined) table.addEnded(total, weight);
      else if (attained > 0) table.addCensored(attained, weight);
    });
    return table.hazard(this.#populationOf(entry.series.gpus), BESIDE_NEIGHBOURS, hazard);
  }

  #populationOf(gpus: number): Hazard {
    const known = this.#population.get(gpus);
    if (known !== undefined) return known;
    const all = this.#all.hazard(UNINFORMED, POPULATION_COUNTS);
    const hazard = this.#bySize.get(gpus)?.hazard(all, POPULATION_COUNTS) ?? all;
    this.#population.set(gpus, hazard);
    return hazard;
  }
}

/** What it tells has changed: its neighbours are to be judged anew. */
function stir({ series, position }: Entry): void {
  series.neighbours(position, (entry) => {
    delete entry.estimate;
  });
}
