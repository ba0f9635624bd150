import { z } from 'zod';
import { conditions, int, type ModelClass, regionName, signedInt, time } from './common.ts';
import type { CustomResource, KindDefinition } from './kind.ts';
import { immutable } from './kind.ts';

const throughput = (description: string) =>
  int(`${description} Default: that of Other, else not known.`, 1, 1_000_000).optional();
/** One for each of MODEL_CLASSES. */
const throughputs: Record<ModelClass, ReturnType<typeof throughput>> = {
  LLM: throughput('Language models.'),
  Weather: throughput('Weather models.'),
  TextToImage: throughput('Image generators.'),
  BioPharma: throughput('Models of biology and pharmacy.'),
  RemoteSensing: throughput('Models of remote sensing.'),
  Other: int('All models whose class is not given. Default: not known.', 1, 1_000_000).optional(),
};

export const acceleratorType = z
  .object({
    type: z.string().min(1).max(63).meta({ description: 'Name users ask for, for example H100.' }),
    resourceName: z
      .string()
      .min(1)
      .max(253)
      .meta({ description: 'Extended resource its device plugin offers, for example nvidia.com/gpu.' }),
    nodeSelector: z.record(z.string(), z.string().max(63)).default({}).meta({
      description:
        'Labels of the nodes that carry this type (needed where one resource name covers several types). Default {}.',
      maxProperties: 16,
    }),
    boardWatts: int(
      'Power of one unit of the resource under load in watts (of a slice: its part); the base of estimates.',
      0,
      100_000,
    ),
    throughputPermille: z.object(throughputs).optional().meta({
      description:
        'How fast one unit runs models of a class (spec.model.class), in thousandths of an accelerator of reference that is the same for all regions: at 400 a run takes 2.5 times as long. Where all places that compete for a workload declare it, money, energy and CO2 are compared for the same work. Default: not known; then run times are taken to be equal.',
    }),
    minPowerLimitWatts: int(
      'Lowest power limit of a board in watts (min_power_limit of nvidia-smi). Set where the agents of its nodes apply power caps: a workload’s fixed cap, but no less than this, then counts against the power budget in place of boardWatts. Default: caps do not count.',
      1,
      100_000,
    ).optional(),
    gpuHourMicros: int('Price of one unit for an hour without electricity, in millionths of the currency.'),
    perUnit: z.record(z.string(), z.int().min(1).max(1_000_000_000)).optional().meta({
      description:
        'Further extended resources that a pod with this type asks for, as the device plugin reads them for each of its units: of HAMi nvidia.com/gpumem in MiB and nvidia.com/gpucores in percent. Default: none.',
      maxProperties: 8,
    }),
    board: z
      .object({
        type: z
          .string()
          .min(1)
          .max(63)
          .meta({ description: 'Accelerator type of the whole board: quota rows of that type count it.' }),
        permille: int('Part of the board that one unit is, in thousandths (a MIG 1g slice of seven: 143).', 1, 1000),
        replicas: int(
          'How often the device plugin offers each board under this resource, where the size of a unit is not in the offer but in perUnit (the deviceSplitCount of HAMi): a node then has so many units as its boards have parts. Default: the plugin offers just the units.',
          1,
          1000,
        ).optional(),
      })
      .optional()
      .meta({
        description:
          'Set where one unit of the resource is a part of a board, as device plugins offer them: a MIG profile, a replica of time slicing. Quota and GPU-hours count it by its part. Default: a whole board of this type.',
      }),
  })
  .meta({
    description: 'One type of accelerator; vendors differ only in these data.',
    'x-kubernetes-validations': [
      {
        rule: '!has(self.perUnit) || !(self.resourceName in self.perUnit)',
        message: 'perUnit is for further resources: the operator sets resourceName itself.',
      },
    ],
  });
export type AcceleratorType = z.output<typeof acceleratorType>;

export const tariffBand = z
  .object({
    months: z
      .array(z.int().min(1).max(12))
      .max(12)
      .default([])
      .meta({ description: 'Months 1 to 12 it holds in. Empty: all. Default [].', 'x-kubernetes-list-type': 'atomic' }),
    hours: z.array(z.int().min(0).max(23)).max(24).default([]).meta({
      description: 'Hours of the day 0 to 23 (local) it holds in; hour 8 is 08:00 to 08:59. Empty: all. Default [].',
      'x-kubernetes-list-type': 'atomic',
    }),
    pricePerKWhMicros: int('Price of one kWh in millionths of the currency.'),
  })
  .meta({ description: 'A price and when it holds; the first band that matches wins.' });
export type TariffBand = z.output<typeof tariffBand>;

const LATITUDE = /^-?([0-8]?[0-9](\.[0-9]{1,6})?|90(\.0{1,6})?)$/;
const LONGITUDE = /^-?((1[0-7][0-9]|[0-9]?[0-9])(\.[0-9]{1,6})?|180(\.0{1,6})?)$/;
/** Text, because the API has no fractions. */
const degrees = (pattern: RegExp, description: string) =>
  z.string().regex(pattern).max(11).optional().meta({ description });

export const regionalClusterSpec = z
  .object({
    region: regionName('Region this cluster is in, for example guian. Immutable.').meta({
      description: 'Region this cluster is in, for example guian. Immutable.',
      'x-kubernetes-validations': [immutable],
    }),
    kubeconfigSecretRef: z
      .object({
        name: z.string().min(1).max(253).meta({ description: 'Secret in the operator’s namespace.' }),
        key: z
          .string()
          .min(1)
          .max(253)
          .default('kubeconfig')
          .meta({ description: 'Key in the Secret. Default kubeconfig.' }),
      })
      .optional()
      .meta({
        description:
          'Kubeconfig with inline data only. A changed Secret is taken up without a restart. Default: none (then inCluster).',
      }),
    inCluster: z
      .boolean()
      .default(false)
      .meta({ description: 'True: the hub’s own cluster is this region. Default false.' }),
    location: z
      .object({
        zone: z.enum(['East', 'West']).meta({ description: 'East (near users) or West (cheap power).' }),
        latitude: degrees(
          LATITUDE,
          'Decimal degrees north of the equator (below 0: south), for the map. Default: not on the map.',
        ),
        longitude: degrees(
          LONGITUDE,
          'Decimal degrees east of Greenwich (below 0: west), for the map. Default: not on the map.',
        ),
        jurisdiction: z
          .string()
          .regex(/^[A-Z]{2}(-[A-Z0-9]{1,3})?$/)
          .max(8)
          .meta({ description: 'ISO 3166 code of the place, for example CN-GZ.' }),
      })
      .meta({
        description: 'Where it is.',
        'x-kubernetes-validations': [
          { rule: 'has(self.latitude) == has(self.longitude)', message: 'set latitude and longitude together.' },
        ],
      }),
    accelerators: z
      .array(acceleratorType)
      .max(32)
      .default([])
      .meta({
        description: 'Accelerator types in this cluster. Default [].',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    electricity: z
      .object({
        currency: z
          .string()
          .regex(/^[A-Z]{3}$/)
          .max(3)
          .default('CNY')
          .meta({ description: 'ISO 4217 code of all money here. Default CNY.' }),
        timezone: z
          .string()
          .min(1)
          .max(64)
          .default('Asia/Shanghai')
          .meta({ description: 'IANA time zone of the tariff and of carbon.hourly. Default Asia/Shanghai.' }),
        tariff: z.array(tariffBand).min(1).max(64).meta({
          description: 'Price bands; the first that matches wins, and one must always match.',
          'x-kubernetes-list-type': 'atomic',
        }),
      })
      .meta({ description: 'What electricity costs.' }),
    puePermille: int(
      'Facility power over IT power in thousandths (1200 is a PUE of 1.2). Default 1300.',
      1000,
      5000,
    ).default(1300),
    carbon: z
      .object({
        gramsPerKWh: int(
          'CO2 of a kWh in grams, by the location’s grid: of any hour, where hourly is not set.',
          0,
          5000,
        ),
        hourly: z.array(z.int().min(0).max(5000)).length(24).optional().meta({
          description:
            'The same by the hour of the day: 24 numbers in grams, from 00:00 to 23:00 local time (electricity.timezone), in place of gramsPerKWh. Default: gramsPerKWh at all hours.',
          'x-kubernetes-list-type': 'atomic',
        }),
        greenPowerPermille: int(
          'Part of the electricity that is bought as green power, in thousandths: CO2 by the market counts the rest. Default 0.',
          0,
          1000,
        ).default(0),
      })
      .meta({ description: 'What electricity emits.' }),
    power: z
      .object({
        budgetWatts: int(
          'Most facility power in watts that admitted work may be reckoned to draw: boards and its share of node overhead, times PUE; pods of others on accelerators count, too. Default: no bound.',
          1,
        ).optional(),
        nodeOverheadWatts: int('Power of a server beside its boards in watts. Default 1500.', 0, 100_000).default(1500),
      })
      .prefault({})
      .meta({ description: 'Power facts. Default {}.' }),
    userLatency: z
      .array(
        z.object({
          region: regionName('Region of users.'),
          ms: int('Network latency from users there, in milliseconds.', 0, 60_000),
        }),
      )
      .max(64)
      .default([])
      .meta({
        description: 'Latency to users by region; an own region that is not listed counts 0. Default [].',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['region'],
      }),
  })
  .meta({
    description: 'A member cluster: how to reach it, what it has, what it costs.',
    'x-kubernetes-validations': [
      {
        rule: 'has(self.kubeconfigSecretRef) != self.inCluster',
        message: 'set exactly one of kubeconfigSecretRef and inCluster: true.',
      },
      {
        rule: '!has(self.power.budgetWatts) || self.accelerators.all(a, a.boardWatts > 0)',
        message: 'power.budgetWatts needs boardWatts above 0 of every accelerator.',
      },
    ],
  });

const inventory = z.object({
  type: z.string().max(63).meta({ description: 'Accelerator type.' }),
  nodes: int('Nodes that carry it.'),
  total: int('Accelerators on all nodes.'),
  allocatable: int('Accelerators on nodes that are ready and not cordoned.'),
  reserved: int('Accelerators reserved for admitted workloads.'),
  usedByOthers: int('Accelerators used by pods that are not ours.'),
  free: int('Accelerators that can be given out now.'),
  largestFreeGang: int('Most nodes of which each has all its accelerators free.'),
});
export type Inventory = z.output<typeof inventory>;

export const regionalClusterStatus = z
  .object({
    observedGeneration: int('metadata.generation the status was made for.').optional(),
    conditions: conditions.optional(),
    clusterUID: z.string().max(64).optional().meta({ description: 'uid of the cluster’s kube-system namespace.' }),
    version: z.string().max(64).optional().meta({ description: 'Kubernetes version of the cluster.' }),
    inventory: z
      .array(inventory)
      .max(32)
      .optional()
      .meta({
        description: 'Accelerators by type.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    powerWatts: int(
      'Facility power in watts that is reckoned with: reserved for admitted work, and of others’ pods on accelerators.',
    ).optional(),
    powerDrawWatts: int(
      'Facility power in watts at lastSyncTime, as agents measured it: boards whose power is known and the overhead of their nodes, times PUE. Absent: no agent measures.',
    ).optional(),
    lastSyncTime: time('When the cluster was last seen to answer; at most once a minute.').optional(),
    clockSkewSeconds: signedInt('Its clock minus ours, in seconds.').optional(),
    display: z
      .object({
        gpus: z.string().max(32).optional().meta({ description: 'Free of allocatable accelerators.' }),
        price: z.string().max(48).optional().meta({ description: 'Electricity price now.' }),
        pue: z.string().max(16).optional().meta({ description: 'PUE.' }),
        co2: z.string().max(32).optional().meta({ description: 'CO2 of a kWh now.' }),
        power: z.string().max(32).optional().meta({ description: 'powerDrawWatts in kW.' }),
      })
      .optional()
      .meta({ description: 'Formatted values for the printer columns.' }),
  })
  .meta({ description: 'What is there and whether it answers.' });

export type RegionalClusterSpec = z.output<typeof regionalClusterSpec>;
export type RegionalClusterStatus = z.output<typeof regionalClusterStatus>;
export type RegionalCluster = CustomResource<RegionalClusterSpec, RegionalClusterStatus>;

export const REGIONAL_CLUSTER: KindDefinition = {
  kind: 'RegionalCluster',
  plural: 'regionalclusters',
  singular: 'regionalcluster',
  shortNames: ['region'],
  namespaced: false,
  description: 'One member cluster in a region.',
  spec: regionalClusterSpec,
  status: regionalClusterStatus,
  rules: [
    {
      rule: "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
      message: "metadata.name must be at most 63 characters: lower-case letters, digits and '-'.",
    },
  ],
  columns: [
    { name: 'Region', path: '.spec.region' },
    { name: 'Zone', path: '.spec.location.zone' },
    { name: 'Ready', path: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'GPUs free', path: '.status.display.gpus' },
    { name: 'Price', path: '.status.display.price' },
    { name: 'CO2', path: '.status.display.co2' },
    { name: 'PUE', path: '.status.display.pue' },
    { name: 'Last seen', path: '.status.lastSyncTime', type: 'date' },
    { name: 'Version', path: '.status.version', wide: true },
    { name: 'Reason', path: '.status.conditions[?(@.type=="Ready")].reason', wide: true },
    { name: 'Healthy', path: '.status.conditions[?(@.type=="AcceleratorsHealthy")].status', wide: true },
    { name: 'Metered', path: '.status.conditions[?(@.type=="Metered")].status', wide: true },
    { name: 'Power', path: '.status.display.power', wide: true },
  ],
};
