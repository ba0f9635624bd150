/**
 * Parts of queries. Two replicas of the operator report the same objects, so that each value is taken once (`max by`)
 * before anything is summed.
 */

const IDENTITY: readonly string[] = ['workload_namespace', 'workload', 'kind'];
const WORKLOAD = IDENTITY.join(', ');

/** Each series once, whichever replica reports it. */
export const once = (selector: string, ...by: readonly string[]): string => `max by (${by.join(', ')}) (${selector})`;

/** A sum over series that are each taken once. */
export const total = (selector: string, by: readonly string[], of: readonly string[]): string =>
  `sum by (${by.join(', ')}) (${once(selector, ...new Set([...by, ...of]))})`;

/** What the bill is filtered by. */
export const CHOSEN = 'tenant=~"$tenant", queue=~"$queue"';

/**
 * A value of each workload with labels of its info. A workload that changed its queue within the range has several infos;
 * one is taken, since two would make the join fail.
 */
export function joined(perWorkload: string, labels: readonly string[], infoSelector: string): string {
  const added = labels.filter((label) => !IDENTITY.includes(label));
  const info = `topk by (${WORKLOAD}) (1, ${once(infoSelector, WORKLOAD, ...added)})`;
  return `${perWorkload} * on (${WORKLOAD}) group_left (${added.join(', ')}) ${info}`;
}

/** What was added within the dashboard's range; workloads that were deleted meanwhile included. */
export const addedInRange = (family: string, ...more: readonly string[]): string =>
  once(`increase(${family}[$__range])`, WORKLOAD, ...more);

export const INFO_IN_RANGE = `last_over_time(aidc_workload_info{${CHOSEN}, queue!=""}[$__range])`;
export const INFO_NOW = `aidc_workload_info{${CHOSEN}}`;
export const JOULES = 'aidc_workload_energy_joules_total{scope="facility"}';
/** Measured and estimated parts are series of their own. */
export const PARTS = ['source'] as const;
export const CARBON = 'aidc_workload_carbon_grams_total{accounting="location"}';
export const JOULES_PER_KWH = '3.6e6';
