import { applyMergePatch } from '../../src/kube/merge-patch.ts';

/** Grams by hour of the day. */
const HOURLY = Array.from({ length: 24 }, (_, hour) => 300 + 10 * hour);

/** The least that has to be written for each kind. */
export const MINIMAL: Readonly<Record<string, object>> = {
  ModelTraining: { model: { name: 'bert' }, trainer: { image: 'train:1' } },
  ModelServing: { model: { uri: 's3://models/bert' }, template: pod('serve:1') },
  Dataset: { locations: [{ region: 'guian', uri: 's3://data/pile' }] },
  ComputeQuote: {},
  RegionalCluster: {
    region: 'guian',
    inCluster: true,
    location: { zone: 'West', jurisdiction: 'CN-GZ' },
    electricity: { tariff: [{ pricePerKWhMicros: 400_000 }] },
    carbon: { gramsPerKWh: 404 },
  },
  ComputeQueue: {},
};

/** As little as can be written where every block that may be absent is there: the defaults inside of it apply. */
export const WITH_OPTIONAL_BLOCKS: Readonly<Record<string, object>> = {
  ModelTraining: {
    checkpoint: { uri: 's3://ckpt/{region}' },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    datasets: [{ name: 'pile' }],
    trainer: {
      env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      resourcesPerNode: { limits: { cpu: 8, memory: '64Gi' } },
      podTemplate: { spec: { volumes: [{ name: 'scratch', emptyDir: {} }] } },
    },
    failurePolicy: { backoff: { initialSeconds: 10 } },
    placement: {
      clusterSelector: {},
      regions: { allowed: ['guian'] },
      weights: { cost: 50 },
      topology: { required: 'Block', slices: [{ size: 1, required: 'example.com/pod' }] },
    },
  },
  ModelServing: {
    worker: pod('serve:1'),
    nodesPerReplica: 2,
    placement: {
      maxLatencyMs: 20,
      clientRegions: [{ region: 'lingang' }],
      clusterSelector: { matchLabels: { a: 'b' } },
    },
  },
  Dataset: { residency: { jurisdictions: ['CN'] } },
  ComputeQuote: { limits: { maxCostMicros: 1 }, datasets: [{ name: 'pile' }] },
  RegionalCluster: {
    inCluster: null,
    kubeconfigSecretRef: { name: 'kubeconfig-guian' },
    accelerators: [
      {
        type: 'H100',
        resourceName: 'nvidia.com/gpu',
        boardWatts: 700,
        gpuHourMicros: 8_000_000,
        throughputPermille: { LLM: 1000 },
      },
    ],
    carbon: { hourly: HOURLY },
    electricity: { tariff: [{ months: [7, 8], hours: [14], pricePerKWhMicros: 1 }, { pricePerKWhMicros: 2 }] },
    userLatency: [{ region: 'lingang', ms: 30 }],
  },
  ComputeQueue: {
    parent: 'root',
    quota: [{ nominal: 8 }],
    namespaceSelector: {},
    budgets: [{ period: 'Month', gpuHours: 1000 }],
  },
};

const hami = (perUnit: object) => ({
  ...{ type: 'H100-20g', resourceName: 'nvidia.com/gpu', boardWatts: 175, gpuHourMicros: 2_000_000 },
  ...{ board: { type: 'H100', permille: 250, replicas: 10 }, perUnit },
});

/** What one example does to the minimal object. */
export interface Case {
  /** Merge patch that makes the object as it was; absent: the example is about creation. */
  readonly before?: object;
  /** Merge patch of the spec. */
  readonly spec?: object;
  readonly name?: string;
}

/** Examples of one CEL rule. */
export interface RuleExample {
  readonly kind: string;
  /** Where the rule stands, as `rulesOf` says it. */
  readonly at: string;
  /** The sentence users are shown. */
  readonly message: string;
  readonly accepted: readonly Case[];
  readonly refused: readonly Case[];
}

/** Budgets of a queue, each of a month where it does not say otherwise. */
function budgets(...list: readonly object[]): Case {
  return { spec: { budgets: list.map((one) => ({ period: 'Month', ...one })) } };
}

/** A field that may be changed only in an update that finds or leaves `suspend: true`. */
function whileSuspended(kind: string, path: string, from: object, to: object): RuleExample {
  return {
    kind,
    at: '.spec',
    message: `${path} can be changed only while suspend is true.`,
    accepted: [
      { before: { ...from, suspend: true }, spec: to },
      { before: from, spec: { ...to, suspend: true } },
      { before: { ...from, suspend: true }, spec: { ...to, suspend: false } },
      { before: from, spec: { suspend: true } },
    ],
    refused: [
      { before: from, spec: to },
      { before: { ...from, suspend: false }, spec: { ...to, suspend: false } },
    ],
  };
}

/** The same for a field that may be absent: adding and removing it are changes, too. */
function optionalWhileSuspended(kind: string, path: string, value: object, other: object, none: object): RuleExample {
  const set = whileSuspended(kind, path, value, other);
  return {
    ...set,
    accepted: [
      ...set.accepted,
      { before: { ...value, suspend: true }, spec: none },
      { before: { suspend: true }, spec: value },
      { before: {}, spec: { suspend: true } },
    ],
    refused: [...set.refused, { before: value, spec: none }, { before: {}, spec: value }],
  };
}

/** A field that never changes; writing the value it has is no change. */
function immutable(kind: string, path: string, same: object, other: object): RuleExample {
  return {
    kind,
    at: path,
    message: 'this field is immutable.',
    accepted: [{ before: same, spec: same }],
    refused: [{ before: same, spec: other }],
  };
}

function named(kind: string, message: string, good: readonly string[], bad: readonly string[]): RuleExample {
  const cases = (names: readonly string[]): Case[] => names.map((name) => ({ name }));
  return { kind, at: '', message, accepted: cases(good), refused: cases(bad) };
}

const ASCEND = { type: 'Ascend910B', resourceName: 'huawei.com/Ascend910', boardWatts: 400, gpuHourMicros: 1 };
const h100 = (countPerNode: number) => ({ accelerators: [{ type: 'H100', countPerNode }] });
const long = (length: number) => 'a'.repeat(length);
const workloadName =
  "metadata.name must be at most 48 characters: lower-case letters, digits and '-', starting with a letter.";
const shortName = 'metadata.name must be at most 63 characters.';
const latencyNeedsUsers = 'maxLatencyMs needs clientRegions: latency is measured from the users.';

/** At least one accepted and one refused example for every CEL rule; a test sees to it that none is missing. */
export const RULE_EXAMPLES: readonly RuleExample[] = [
  ...['ModelTraining', 'ModelServing'].flatMap((kind) => [
    named(kind, workloadName, ['a', 'llm-2-b', long(48)], [long(49), '2-llm', 'llm.b']),
    whileSuspended(kind, 'accelerators', h100(8), h100(4)),
    whileSuspended(kind, 'accelerators', {}, h100(4)),
    optionalWhileSuspended(kind, 'queue', { queue: 'a' }, { queue: 'b' }, { queue: null }),
    optionalWhileSuspended(
      kind,
      'priorityClassName',
      { priorityClassName: 'a' },
      { priorityClassName: 'b' },
      { priorityClassName: null },
    ),
  ]),
  whileSuspended('ModelTraining', 'trainer.numNodes', {}, { trainer: { numNodes: 2 } }),
  whileSuspended(
    'ModelTraining',
    'trainer.resourcesPerNode',
    { trainer: { resourcesPerNode: { limits: { cpu: '8' } } } },
    { trainer: { resourcesPerNode: { limits: { cpu: 16 } } } },
  ),
  whileSuspended('ModelTraining', 'placement.regions', {}, { placement: { regions: { denied: ['guian'] } } }),
  optionalWhileSuspended(
    'ModelTraining',
    'trainer.podTemplate',
    { trainer: { podTemplate: { metadata: { labels: { a: 'b' } } } } },
    { trainer: { podTemplate: { metadata: { labels: { a: 'c' } } } } },
    { trainer: { podTemplate: null } },
  ),
  {
    kind: 'ModelTraining',
    at: '.spec',
    message: 'datasets is immutable.',
    accepted: [
      { before: { datasets: [{ name: 'a' }] }, spec: { datasets: [{ name: 'a' }] } },
      { before: {}, spec: { datasets: [] } },
    ],
    refused: [
      { before: {}, spec: { datasets: [{ name: 'a' }] } },
      { before: { datasets: [{ name: 'a' }], suspend: true }, spec: { datasets: [] } },
    ],
  },
  immutable('ModelTraining', '.spec.model', { model: { name: 'm', class: 'LLM' } }, { model: { class: 'Other' } }),
  immutable('ModelTraining', '.spec.model', { model: { name: 'm' } }, { model: { name: 'n' } }),
  immutable('ModelTraining', '.spec.task', { task: 'LoRA' }, { task: 'Pretrain' }),
  immutable('ModelTraining', '.spec.framework', {}, { framework: 'JAX' }),
  immutable('ModelTraining', '.spec.trainer.image', { trainer: { image: 'a' } }, { trainer: { image: 'b' } }),
  {
    kind: 'ModelTraining',
    at: '.spec.trainer',
    message:
      'env must not set PET_*, AIDC_*, MASTER_ADDR, MASTER_PORT, NNODES, NODE_RANK or JAX_*: the operator sets them from the placement.',
    accepted: ['NCCL_DEBUG', 'PETS', 'MASTER_ADDRESS', 'JAX_PLATFORMS', 'JAX_ENABLE_X64'].map((name) => env(name)),
    refused: [
      'PET_NNODES',
      'AIDC_CHECKPOINT_DIR',
      'MASTER_ADDR',
      'MASTER_PORT',
      'NNODES',
      'NODE_RANK',
      'JAX_NUM_PROCESSES',
      'JAX_PROCESS_ID',
      'JAX_COORDINATOR_ADDRESS',
    ].map((name) => env(name)),
  },
  {
    kind: 'ModelTraining',
    at: '.spec.failurePolicy.backoff',
    message: 'maxSeconds must not be below initialSeconds.',
    accepted: [backoff({ initialSeconds: 600 }), backoff({ initialSeconds: 5, maxSeconds: 5 }), backoff({})],
    refused: [backoff({ initialSeconds: 601 }), backoff({ maxSeconds: 29 })],
  },
  {
    kind: 'ModelTraining',
    at: '.spec.energy',
    message: 'gpuPowerCapWatts is set if and only if powerCap is Fixed.',
    accepted: [
      { spec: { energy: { powerCap: 'Fixed', gpuPowerCapWatts: 300 } } },
      { spec: { energy: { powerCap: 'Auto' } } },
    ],
    refused: [
      { spec: { energy: { gpuPowerCapWatts: 300 } } },
      { spec: { energy: { powerCap: 'Auto', gpuPowerCapWatts: 300 } } },
      { spec: { energy: { powerCap: 'Fixed' } } },
    ],
  },
  immutable('ModelServing', '.spec.model.class', {}, { model: { class: 'LLM' } }),
  immutable('ModelServing', '.spec.nodesPerReplica', { nodesPerReplica: 2 }, { nodesPerReplica: 3 }),
  {
    kind: 'ModelServing',
    at: '.spec',
    message: 'worker needs nodesPerReplica of 2 or more.',
    accepted: [{ spec: { worker: pod('serve:1'), nodesPerReplica: 2 } }, { spec: { nodesPerReplica: 2 } }],
    refused: [{ spec: { worker: pod('serve:1') } }, { before: {}, spec: { worker: {} } }],
  },
  ...['ModelServing', 'ComputeQuote'].map((kind) => ({
    kind,
    at: '.spec.placement',
    message: latencyNeedsUsers,
    accepted: [{ spec: { placement: { maxLatencyMs: 20, clientRegions: [{ region: 'lingang' }] } } }],
    refused: [{ spec: { placement: { maxLatencyMs: 20 } } }],
  })),
  ...wholeSlices('ModelTraining', 'trainer.numNodes', (numNodes) => ({ trainer: { numNodes } })),
  ...wholeSlices('ModelServing', 'nodesPerReplica', (nodesPerReplica) => ({ nodesPerReplica })),
  ...wholeSlices('ComputeQuote', 'numNodes', (numNodes) => ({ numNodes })),
  named('Dataset', shortName, ['pile', long(63)], [long(64)]),
  named('ComputeQuote', shortName, ['2026', long(63)], [long(64)]),
  {
    kind: 'ComputeQuote',
    at: '.spec',
    message: 'a quote is immutable: make another one.',
    accepted: [{ before: { numNodes: 2 }, spec: { numNodes: 2 } }],
    refused: [
      { before: {}, spec: { numNodes: 2 } },
      { before: {}, spec: { queue: 'a' } },
      { before: { queue: 'a' }, spec: { queue: null } },
    ],
  },
  named(
    'RegionalCluster',
    "metadata.name must be at most 63 characters: lower-case letters, digits and '-'.",
    ['guian', '2-guian', long(63)],
    [long(64), 'gui.an'],
  ),
  immutable('RegionalCluster', '.spec.region', { region: 'guian' }, { region: 'lingang' }),
  {
    kind: 'RegionalCluster',
    at: '.spec.accelerators[]',
    message: 'perUnit is for further resources: the operator sets resourceName itself.',
    accepted: [{ spec: { accelerators: [hami({ 'nvidia.com/gpumem': 20_480 })] } }],
    refused: [{ spec: { accelerators: [hami({ 'nvidia.com/gpu': 1 })] } }],
  },
  {
    kind: 'RegionalCluster',
    at: '.spec',
    message: 'set exactly one of kubeconfigSecretRef and inCluster: true.',
    accepted: [{}, { spec: { inCluster: false, kubeconfigSecretRef: { name: 'a' } } }],
    refused: [{ spec: { inCluster: null } }, { spec: { kubeconfigSecretRef: { name: 'a' } } }],
  },
  {
    kind: 'RegionalCluster',
    at: '.spec',
    message: 'power.budgetWatts needs boardWatts above 0 of every accelerator.',
    accepted: [
      { spec: { power: { budgetWatts: 1000 } } },
      { spec: { power: { budgetWatts: 1000 }, accelerators: [{ ...ASCEND, boardWatts: 1 }] } },
      { spec: { accelerators: [{ ...ASCEND, boardWatts: 0 }] } },
    ],
    refused: [{ spec: { power: { budgetWatts: 1000 }, accelerators: [{ ...ASCEND, boardWatts: 0 }] } }],
  },
  {
    kind: 'RegionalCluster',
    at: '.spec.location',
    message: 'set latitude and longitude together.',
    accepted: [{ spec: { location: { latitude: '26.38', longitude: '-106.46' } } }, {}],
    refused: [{ spec: { location: { latitude: '26.38' } } }, { spec: { location: { longitude: '106.46' } } }],
  },
  named('ComputeQueue', shortName, ['default', long(63)], [long(64)]),
  {
    kind: 'ComputeQueue',
    at: '',
    message: 'spec.agingSeconds needs spec.ordering ShortestRemaining.',
    accepted: [{ spec: { agingSeconds: 60, ordering: 'ShortestRemaining' } }, { spec: { ordering: 'StrictFIFO' } }],
    refused: [{ spec: { agingSeconds: 60 } }, { spec: { agingSeconds: 60, ordering: 'StrictFIFO' } }],
  },
  {
    kind: 'ComputeQueue',
    at: '',
    message: 'spec.fairShare.halfLifeSeconds belongs to a root: it holds for the whole tree.',
    accepted: [{ spec: { fairShare: { halfLifeSeconds: 60 } } }, { spec: { parent: 'root', fairShare: {} } }],
    refused: [{ spec: { fairShare: { halfLifeSeconds: 60 }, parent: 'root' } }],
  },
  {
    kind: 'ComputeQueue',
    at: '',
    message: 'a queue cannot be its own parent.',
    accepted: [{ name: 'leaf', spec: { parent: 'root' } }],
    refused: [{ name: 'leaf', spec: { parent: 'leaf' } }],
  },
  {
    kind: 'ComputeQueue',
    at: '.spec.budgets[]',
    message: 'set exactly one of gpuHours, kWh, costMicros and carbonGrams.',
    accepted: [budgets({ gpuHours: 1 }), budgets({ kWh: 1 }), budgets({ carbonGrams: 1 })],
    refused: [budgets({}), budgets({ gpuHours: 1, kWh: 1 })],
  },
  {
    kind: 'ComputeQueue',
    at: '.spec.budgets[]',
    message: 'currency goes with costMicros: set both or neither.',
    accepted: [budgets({ costMicros: 1, currency: 'CNY' })],
    refused: [budgets({ costMicros: 1 }), budgets({ kWh: 1, currency: 'CNY' })],
  },
  {
    kind: 'ComputeQueue',
    at: '.spec.budgets',
    message: 'one budget for each period and measure (and currency).',
    accepted: [
      budgets({ gpuHours: 1 }, { kWh: 1 }, { carbonGrams: 1 }, { period: 'Year', gpuHours: 1 }),
      budgets({ costMicros: 1, currency: 'CNY' }, { costMicros: 1, currency: 'USD' }),
    ],
    refused: [
      budgets({ gpuHours: 1 }, { gpuHours: 2, action: 'Hold' }),
      budgets({ costMicros: 1, currency: 'CNY' }, { costMicros: 2, currency: 'CNY' }),
    ],
  },
];

/** The minimal spec of a kind after merge patches. */
export function specOf(kind: string, ...patches: readonly (object | undefined)[]): object {
  return patches.reduce<object>((spec, patch) => applyMergePatch(spec, patch ?? {}) as object, MINIMAL[kind] ?? {});
}

/** What a spec is refused for by its type alone, and words of the sentence that says so. */
export const REFUSED_SHAPES: readonly (readonly [what: string, kind: string, patch: object, sentence: RegExp])[] = [
  ['text for a number', 'ModelTraining', { trainer: { numNodes: 'two' } }, /spec\.trainer\.numNodes.*integer/],
  ['a fraction', 'ModelTraining', { trainer: { numNodes: 1.5 } }, /spec\.trainer\.numNodes.*integer/],
  ['a negative number', 'ModelServing', { replicas: -1 }, /spec\.replicas.*greater than or equal to 0/],
  ['a negative duration', 'ModelTraining', { ttlSecondsAfterFinished: -1 }, /ttlSecondsAfterFinished.*to 0/],
  ['a negative quota', 'ComputeQueue', { quota: [{ nominal: -8 }] }, /spec\.quota\[0\]\.nominal.*to 0/],
  ['a negative price', 'RegionalCluster', { electricity: { tariff: [{ pricePerKWhMicros: -1 }] } }, /KWhMicros.*to 0/],
  ['no nodes', 'ComputeQuote', { numNodes: 0 }, /spec\.numNodes.*greater than or equal to 1/],
  ['too many nodes', 'ModelTraining', { trainer: { numNodes: 8193 } }, /spec\.trainer\.numNodes.*8192/],
  ['an unknown word', 'ModelTraining', { task: 'Train' }, /spec\.task: Unsupported value: "Train": supported values/],
  ['an unknown policy', 'ModelServing', { placement: { policy: 'Fast' } }, /spec\.placement\.policy.*"Balanced"/],
  [
    'a latitude beyond the pole',
    'RegionalCluster',
    { location: { latitude: '90.5', longitude: '1' } },
    /latitude.*match/,
  ],
  ['a longitude in words', 'RegionalCluster', { location: { latitude: '1', longitude: 'east' } }, /longitude.*match/],
  ['an unknown zone', 'RegionalCluster', { location: { zone: 'North' } }, /spec\.location\.zone.*"East", "West"/],
  ['no label', 'ComputeQuote', { placement: { topology: { required: 'a rack' } } }, /topology\.required.*match/],
  ['three layers of slices', 'ModelTraining', { placement: { topology: { slices: layers(3) } } }, /slices.*at most 2/],
  ['no image', 'ModelTraining', { trainer: { image: null } }, /spec\.trainer\.image: Required value/],
  ['an empty image', 'ModelTraining', { trainer: { image: '' } }, /spec\.trainer\.image.*at least 1/],
  ['no location', 'Dataset', { locations: [] }, /spec\.locations.*at least 1/],
  ['a region in capitals', 'Dataset', { locations: [{ region: 'Guian', uri: 'a' }] }, /locations\[0\]\.region.*match/],
  ['the same region twice', 'Dataset', { locations: [0, 1].map(() => ({ region: 'a', uri: 'b' })) }, /Duplicate value/],
  [
    'a throughput of nothing',
    'RegionalCluster',
    { accelerators: [{ ...ASCEND, throughputPermille: { LLM: 0 } }] },
    /throughputPermille\.LLM.*to 1/,
  ],
  ['an unknown class of models', 'ComputeQuote', { modelClass: 'llm' }, /spec\.modelClass: Unsupported value: "llm"/],
  ['no country', 'RegionalCluster', { location: { jurisdiction: 'China' } }, /spec\.location\.jurisdiction.*match/],
  ['CO2 of 23 hours', 'RegionalCluster', { carbon: { hourly: HOURLY.slice(1) } }, /hourly.*at least 24 items/],
  ['CO2 of 25 hours', 'RegionalCluster', { carbon: { hourly: [1, ...HOURLY] } }, /hourly: Too many: 25.*at most 24/],
  ['CO2 below 0', 'RegionalCluster', { carbon: { hourly: HOURLY.map((grams) => grams - 301) } }, /hourly\[0\].*to 0/],
  ['CO2 beyond coal', 'RegionalCluster', { carbon: { hourly: HOURLY.map((grams) => grams * 20) } }, /hourly.*to 5000/],
  ['CO2 in parts of a gram', 'RegionalCluster', { carbon: { hourly: HOURLY.map(() => 0.5) } }, /hourly\[0\].*integer/],
  ['an hour 24', 'RegionalCluster', { electricity: { tariff: [{ hours: [24], pricePerKWhMicros: 1 }] } }, /hours.*23/],
  ['a list for a block', 'ComputeQueue', { namespaceSelector: [] }, /spec\.namespaceSelector.*object/],
];

/** Slices in placement.topology: one in the other, and whole ones only. */
function wholeSlices(kind: string, path: string, pods: (count: number) => object): RuleExample[] {
  const sliced = (count: number, ...sizes: number[]): Case => ({
    spec: { ...pods(count), placement: { topology: { slices: sizes.map((size) => ({ size, required: 'Rack' })) } } },
  });
  return [
    {
      kind,
      at: '.spec',
      message: `${path} must be a multiple of the size of every slice in placement.topology.slices.`,
      accepted: [sliced(32, 8), sliced(8, 8), sliced(32, 16, 4), sliced(3)],
      refused: [sliced(12, 8), sliced(4, 8)],
    },
    {
      kind,
      at: '.spec.placement.topology',
      message: 'the size of the first slice must be a multiple of the size of the second, which is a part of it.',
      accepted: [sliced(32, 16, 4), sliced(32, 8, 8)],
      refused: [sliced(48, 12, 8), sliced(32, 4, 8)],
    },
  ];
}

function env(name: string): Case {
  return { spec: { trainer: { env: [{ name, value: '1' }] } } };
}

function layers(count: number): object[] {
  return Array.from({ length: count }, () => ({ size: 1, required: 'Rack' }));
}

function backoff(value: object): Case {
  return { spec: { failurePolicy: { backoff: value } } };
}

function pod(image: string): object {
  return { spec: { containers: [{ name: 'main', image }] } };
}
