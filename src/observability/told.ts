/**
 * What series of counters have told. A counter that falls, by as little as a joule, is taken by Prometheus for one that began
 * anew, and all that it had is counted again; but an estimate falls where it turns out that agents have measured.
 */
export class ToldValues {
  #before = new Map<string, number>();
  #now = new Map<string, number>();

  /** @returns the value, or what was told last where that is more */
  atLeast(series: string, value: number): number {
    const told = Math.max(value, this.#before.get(series) ?? 0);
    this.#now.set(series, told);
    return told;
  }

  /** All series were asked for: those that were not are gone. */
  turn(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}
