import type { CounterHandle, HistogramHandle, RuntimeMetrics } from '../runtime/metrics.ts';

const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

/** Request metrics of one cluster; handles are kept, because this runs once a request. */
export class ClientMetrics {
  readonly #cluster: string;
  readonly #count: (verb: string, code: string) => CounterHandle;
  readonly #duration: (verb: string) => HistogramHandle;
  readonly #counters = new Map<string, CounterHandle>();
  readonly #durations = new Map<string, HistogramHandle>();
  readonly #open: (value: number) => void;
  readonly close: () => void;

  constructor(metrics: RuntimeMetrics, cluster: string) {
    this.#cluster = cluster;
    const requests = metrics.counter('aidc_kube_requests_total', 'Requests to apiservers by verb and HTTP code', [
      'cluster',
      'verb',
      'code',
    ]);
    const seconds = metrics.histogram(
      'aidc_kube_request_duration_seconds',
      'Duration of requests to apiservers, one try',
      ['cluster', 'verb'],
      SECONDS,
    );
    const circuit = metrics.gauge('aidc_kube_circuit_open', '1 while requests to the cluster fail at once', [
      'cluster',
    ]);
    const open = circuit.labels({ cluster });
    this.close = () => circuit.remove?.({ cluster });
    this.#count = (verb, code) => requests.labels({ cluster: this.#cluster, verb, code });
    this.#duration = (verb) => seconds.labels({ cluster: this.#cluster, verb });
    this.#open = (value) => open.set(value);
    this.#open(0);
  }

  /** One try ended; `code` is the HTTP status or an unreachable reason. */
  request(verb: string, code: string | number, seconds: number): void {
    const key = `${verb} ${code}`;
    let counter = this.#counters.get(key);
    if (!counter) {
      counter = this.#count(verb, String(code));
      this.#counters.set(key, counter);
    }
    counter.inc();
    let duration = this.#durations.get(verb);
    if (!duration) {
      duration = this.#duration(verb);
      this.#durations.set(verb, duration);
    }
    duration.observe(seconds);
  }

  circuit(open: boolean): void {
    this.#open(open ? 1 : 0);
  }
}
