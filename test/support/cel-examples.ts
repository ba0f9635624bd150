import { type Case, RULE_EXAMPLES, type RuleExample } from '../repo/api-examples.ts';

const h100 = { type: 'H100', countPerNode: 8 };
const a100 = { type: 'A100', countPerNode: 8 };
const workloads = ['ModelTraining', 'ModelServing'] as const;

interface Change {
  readonly kind: string;
  readonly path: string;
  /** Merge patches of the spec: what it was, and what is made of it. */
  readonly from: object;
  readonly to: object;
}

/** Refused by itself, accepted by an update that finds or leaves `suspend: true`. */
function whileSuspended({ kind, path, from, to }: Change): RuleExample {
  const change = (was: boolean, is: boolean): Case => ({
    before: { ...from, suspend: was },
    spec: { ...to, suspend: is },
  });
  return {
    kind,
    at: '.spec',
    message: `${path} can be changed only while suspend is true.`,
    accepted: [change(true, true), change(true, false), change(false, true), { before: from, spec: from }],
    refused: [change(false, false)],
  };
}

/** Refused also while suspended. */
function never(at: string, message: string, from: object, changes: readonly object[]): RuleExample {
  return {
    kind: 'ModelTraining',
    at,
    message,
    accepted: [{ before: from, spec: from }],
    refused: changes.flatMap((spec) => [
      { before: from, spec },
      { before: { ...from, suspend: true }, spec },
    ]),
  };
}

/** A field of the trainer that never changes. */
const trainerField = (name: string, from: unknown, ...to: unknown[]): RuleExample =>
  never(
    `.spec.trainer.${name}`,
    'this field is immutable.',
    { trainer: { [name]: from } },
    to.map((value) => ({ trainer: { [name]: value } })),
  );

/** A field of a training's placement: set, changed, removed. */
function placementField(name: string, one: unknown, other: unknown, none: unknown): RuleExample[] {
  const change = (from: unknown, to: unknown): RuleExample =>
    whileSuspended({
      kind: 'ModelTraining',
      path: `placement.${name}`,
      from: { placement: { [name]: from } },
      to: { placement: { [name]: to } },
    });
  return [change(one, other), change(one, none), change(none, one)];
}

/** The minimal training has one pod. */
const slice = (required: string): object => ({ size: 1, required });

/** At least one accepted and one refused example for every CEL rule; a test sees to it that none is missing. */
export const CEL_EXAMPLES: readonly RuleExample[] = [
  ...RULE_EXAMPLES,
  ...workloads.flatMap((kind) => [
    whileSuspended({ kind, path: 'acceleratorPolicy', from: {}, to: { acceleratorPolicy: 'AnyOf' } }),
    // The order is the order of preference, which the API server's own comparison of such lists leaves out.
    whileSuspended({
      kind,
      path: 'accelerators',
      from: { accelerators: [h100, a100] },
      to: { accelerators: [a100, h100] },
    }),
  ]),
  whileSuspended({
    kind: 'ModelTraining',
    path: 'placement.regions',
    from: { placement: { regions: { preferred: ['guian', 'lingang'] } } },
    to: { placement: { regions: { preferred: ['lingang', 'guian'] } } },
  }),
  whileSuspended({
    kind: 'ModelTraining',
    path: 'energy',
    from: { energy: { powerCap: 'Auto' } },
    to: { energy: { powerCap: 'Fixed', gpuPowerCapWatts: 300 } },
  }),
  whileSuspended({ kind: 'ModelTraining', path: 'energy', from: {}, to: { energy: { powerCap: 'Auto' } } }),
  ...placementField('cluster', 'a', 'b', null),
  ...placementField('clusterSelector', { matchLabels: { a: 'b' } }, { matchLabels: { a: 'c' } }, null),
  ...placementField('residency', { jurisdictions: ['CN'] }, { jurisdictions: ['CN-GZ'] }, null),
  ...placementField('topology', { required: 'Rack' }, { required: 'Block' }, null),
  whileSuspended({
    kind: 'ModelTraining',
    path: 'placement.topology',
    from: { placement: { topology: { slices: ['Rack', 'Host'].map(slice) } } },
    to: { placement: { topology: { slices: ['Host', 'Rack'].map(slice) } } },
  }),
  trainerField('command', ['run'], ['walk'], ['run', 'far'], null),
  trainerField('args', ['--fast'], ['--slow'], []),
  trainerField('env', [{ name: 'A', value: '1' }], [{ name: 'A', value: '2' }], null),
  trainerField(
    'env',
    [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'a' } } }],
    [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'b' } } }],
  ),
  never('.spec.trainer', 'numProcPerNode is immutable.', { trainer: { numProcPerNode: 8 } }, [
    { trainer: { numProcPerNode: 4 } },
    { trainer: { numProcPerNode: null } },
  ]),
  never('.spec.trainer', 'numProcPerNode is immutable.', {}, [{ trainer: { numProcPerNode: 8 } }]),
  never('.spec', 'checkpoint.uri is immutable.', { checkpoint: { uri: 's3://a' } }, [
    { checkpoint: { uri: 's3://b' } },
    { checkpoint: null },
  ]),
  never('.spec', 'checkpoint.uri is immutable.', {}, [{ checkpoint: { uri: 's3://a' } }]),
  {
    kind: 'ModelTraining',
    at: '.spec',
    message: 'checkpoint.uri is immutable.',
    accepted: [{ before: { checkpoint: { uri: 's3://a' } }, spec: { checkpoint: { graceSeconds: 60 } } }],
    refused: [{ before: { checkpoint: { uri: 's3://a' } }, spec: { checkpoint: { uri: 's3://b', graceSeconds: 60 } } }],
  },
];
