import { crdName, GROUP, KINDS, VERSION } from '../api/index.ts';
import type { Resource } from '../kube/resource.ts';

const resources = KINDS.map(
  ({ kind, plural, namespaced }): Resource => ({ group: GROUP, version: VERSION, kind, plural, namespaced }),
);

/** Kinds in the order in which they may go: the operator needs the clusters to stop what runs there. */
export const IN_ORDER_OF_DELETION: readonly (readonly Resource[])[] = [
  resources.filter(({ namespaced }) => namespaced),
  resources.filter(({ namespaced }) => !namespaced),
];

export const TRAININGS = resources.find(({ kind }) => kind === 'ModelTraining') as Resource;
export const CRD_NAMES: readonly string[] = KINDS.map(crdName);
