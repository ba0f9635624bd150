export { BudgetMetrics } from './budget-metrics.ts';
export { CentreMetrics } from './centre-metrics.ts';
export { EventLoopWatch } from './event-loop.ts';
export { LedgerMetrics } from './ledger-metrics.ts';
export { createLogger, frameworkLogger } from './logging.ts';
export { PrometheusMetrics } from './metrics.ts';
export { LOGGER, PROBES } from './tokens.ts';
export { WorkloadMetrics, type WorkloadSeries } from './workload-metrics.ts';
