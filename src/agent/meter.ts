import { SAMPLE_PROBLEMS, type SampleProblem } from './sampler.ts';

/** Elements whose text was not understood, told apart up to so many. */
const MAX_ELEMENTS = 50;

/** The health of the meter itself, as its series show it. */
export class MeterState {
  /** Whether the newest attempt gave a sample. */
  isSampling = false;
  /** Why not; a sentence. */
  trouble: string | undefined = 'nvidia-smi has printed no document yet.';
  /** How long reading the newest document took. */
  sampleSeconds = 0;
  /** Wall time of the newest sample; undefined: there was none. */
  sampleWallMs: number | undefined;
  /** Monotonic time of the same. */
  sampleAtMs: number | undefined;
  readonly problems = new Map<SampleProblem, number>(SAMPLE_PROBLEMS.map((problem) => [problem, 0]));
  /** -1: a signal ended it. */
  exitCode: number | undefined;
  /** Of the newest document; undefined: there was none. */
  dtd: string | null | undefined;
  driver = '';
  cuda = '';
  readonly unknownValues = new Map<string, number>();
  /** What was odd about documents as a whole, counted. */
  warnings = 0;
  readonly #said = new Set<string>();
  isMapping = false;
  mappingWallMs: number | undefined;
  unknownDevices = 0;
  clockSteps = 0;
  savedWallMs: number | undefined;
  publishedWallMs: number | undefined;

  /** @returns whether it is news */
  problem(problem: SampleProblem, message: string): boolean {
    this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1);
    const isNews = this.isSampling || this.trouble !== message;
    this.isSampling = false;
    this.trouble = message;
    return isNews;
  }

  /** @param sentence one of a set that numbers of boards bound @returns whether it was never said before */
  warning(sentence: string): boolean {
    this.warnings += 1;
    const isNews = !this.#said.has(sentence);
    this.#said.add(sentence);
    return isNews;
  }

  /** @returns whether an end with this code is news; one that is well never is */
  ended(exitCode: number | null): boolean {
    const before = this.exitCode;
    this.exitCode = exitCode ?? -1;
    return this.exitCode !== 0 && this.exitCode !== before;
  }

  /** @returns whether this element was never odd before */
  unknownValue(element: string): boolean {
    const isKnown = this.unknownValues.has(element);
    const label = isKnown || this.unknownValues.size < MAX_ELEMENTS ? element : 'other';
    this.unknownValues.set(label, (this.unknownValues.get(label) ?? 0) + 1);
    return !isKnown && label !== 'other';
  }
}
