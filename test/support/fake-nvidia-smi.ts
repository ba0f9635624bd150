import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the fake nvidia-smi tells of a board. */
export interface FakeGpu {
  readonly uuid: string;
  readonly busId?: string;
  readonly model?: string;
  /** Seconds since `startMs`, and power then; straight lines between. Default: 100 W. */
  readonly watts?: readonly (readonly [seconds: number, watts: number])[];
  /** It fell off the bus. */
  readonly isLost?: boolean;
  /** What a limit may be, in watts. Default: 200 to 700, and 700 unless one is set. */
  readonly limits?: { readonly min?: number; readonly max?: number; readonly default?: number };
  /** What becomes of a limit that is set. Default: it holds. */
  readonly powerCap?: 'forbidden' | 'ignored';
  readonly mig?: readonly { readonly uuid: string; readonly instance: number; readonly multiprocessors: number }[];
}

/** What one run of it does; without anything it prints documents. */
export interface FakeRun {
  /** Prints nothing and does not end. */
  readonly hang?: boolean;
  /** Only SIGKILL ends it. */
  readonly ignoreTerm?: boolean;
  /** Printed instead of documents. */
  readonly garbage?: string;
  readonly stderr?: string;
  /** Ends after so many. */
  readonly documents?: number;
  readonly exitCode?: number;
}

export interface Scenario {
  readonly gpus?: readonly FakeGpu[];
  /** How many boards the driver says there are. Default: as many as it tells of. */
  readonly attached?: number;
  /** Milliseconds since the epoch. */
  readonly startMs?: number;
  /** One a run, in order; the last is for all later ones. */
  readonly runs?: readonly FakeRun[];
  /** Files with documents to print instead, in turn. */
  readonly replay?: readonly string[];
}

/** A program that behaves as nvidia-smi does, well or badly, where there is no GPU. */
export class FakeNvidiaSmi {
  static readonly command = join(import.meta.dirname, 'fake-nvidia-smi.mjs');
  readonly #file: string;

  constructor(folder: string, scenario: Scenario) {
    this.#file = join(folder, 'nvidia-smi.json');
    this.play(scenario);
  }

  get env(): { readonly AIDC_FAKE_NVIDIA_SMI: string } {
    return { AIDC_FAKE_NVIDIA_SMI: this.#file };
  }

  /** Replaces the scenario, also of a run in progress, from its next document on. */
  play(scenario: Scenario): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(scenario));
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** Power limits that were asked for so far, `UUID watts`. */
  get limitsSet(): readonly string[] {
    const file = `${this.#file}.pl`;
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** Process ids of all runs so far. */
  get pids(): readonly number[] {
    const file = `${this.#file}.pids`;
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
  }

  /** Those that are still there, dead or alive. */
  get left(): readonly number[] {
    return this.pids.filter((pid) => existsSync(`/proc/${pid}`));
  }
}
