import { z } from 'zod';

/** A label of workloads that becomes one of their series. */
export interface WorkloadLabel {
  /** Key on the object, for example `example.com/team`. */
  readonly key: string;
  /** Name in Prometheus, for example `label_example_com_team`. */
  readonly name: string;
}

/** So many at most: each makes the join key of every workload wider. */
const MAX_LABELS = 16;
const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

function isLabelKey(key: string): boolean {
  const [name = '', domain, ...more] = key.split('/').reverse();
  return (
    more.length === 0 && NAME.test(name) && (domain === undefined || (domain.length <= 253 && DOMAIN.test(domain)))
  );
}

/** As kube-state-metrics names the labels of objects: what Prometheus does not allow is `_`, and words are in snake case. */
export const prometheusName = (key: string): string =>
  `label_${key
    .replaceAll(/[^A-Za-z0-9_]/g, '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()}`;

/** Keys of labels with commas between them. */
export const workloadLabels = z
  .string()
  .default('')
  .transform((text, context): readonly WorkloadLabel[] => {
    const keys = text.split(',').map((key) => key.trim());
    const wanted = [...new Set(keys)].filter((key) => key !== '');
    const taken = new Map<string, string>();
    for (const key of wanted) {
      const name = prometheusName(key);
      const other = taken.get(name);
      if (!isLabelKey(key)) context.addIssue(`"${key}" is no key of a label; name each one whole, without a pattern`);
      else if (other !== undefined) context.addIssue(`"${other}" and "${key}" would both be ${name}: take one of them`);
      taken.set(name, key);
    }
    if (wanted.length > MAX_LABELS) context.addIssue(`${wanted.length} labels, the most are ${MAX_LABELS}`);
    return [...taken].map(([name, key]) => ({ key, name }));
  });
