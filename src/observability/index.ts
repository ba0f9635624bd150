export { CentreMetrics } from './centre-metrics.ts';
export { createLogger, frameworkLogger } from './logging.ts';
export { PrometheusMetrics } from './metrics.ts';
export { WorkloadMetrics } from './workload-metrics.ts';
