import { z } from 'zod';
import { CONDITION, jsonText, LABEL, type ModelServing, type ModelTraining, type Usage } from '../api/index.ts';
import {
  addParts,
  type Money,
  NO_MONEY,
  PART_KEYS,
  partOf,
  partsOf,
  reckonedCosts,
  someMoney,
  type UsagePart,
} from '../energy/index.ts';
import { type HubStores, tenantOf } from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { CONFIG_MAPS, type KubeObject } from '../kube/resource.ts';
import type { Logger } from '../runtime/logger.ts';
import { type HeldPlace, heldOf, type Place, placesOf, placesOfMoney } from './held-places.ts';
import { keepMap } from './keep-map.ts';

type Workload = ModelTraining | ModelServing;

/** What a tenant has used in a region of what statuses reckon, beside what was measured. */
export interface Account {
  readonly tenant: string;
  readonly region: string;
  readonly currency: string;
  readonly gpuSeconds: number;
  readonly reckoned: UsagePart;
  readonly succeeded: number;
  readonly failed: number;
}

/** What is added to an account. */
interface Addition {
  readonly gpuSeconds?: number;
  readonly energy?: UsagePart;
  /** Of the energy, of 1. */
  readonly share?: number;
  readonly micros?: number;
  readonly succeeded?: number;
  readonly failed?: number;
}
type Where = Pick<Account, 'tenant' | 'region' | 'currency'>;

/** What of a workload is counted. */
interface Counted {
  readonly gpuSeconds: number;
  readonly reckoned: UsagePart;
  readonly isOver: boolean;
  /** Reckoned money in other currencies than the usage's. */
  readonly otherCosts: Money;
  /** What it held then, or last: what is counted next was used there. */
  readonly held: readonly HeldPlace[];
  /** Up to when its use is counted. */
  readonly untilMs: number;
}

interface Page {
  /** By uid. */
  readonly counted: Map<string, Counted>;
  readonly accounts: Map<string, Account>;
  resourceVersion: string | undefined;
  isDirty: boolean;
}

const part = z.array(z.number()).transform((list): UsagePart => partOf((key) => list[PART_KEYS.indexOf(key)] ?? 0));
const place = z
  .tuple([z.number(), z.string(), z.string(), z.number(), z.number()])
  .transform(([attempt, region, currency, gpus, sinceMs]): HeldPlace => ({ attempt, region, currency, gpus, sinceMs }));
const counted = z
  .tuple([
    z.number(),
    part,
    z.boolean(),
    z.array(place).default([]),
    z.number().default(0),
    z.record(z.string(), z.number()).default({}),
  ])
  .transform(
    ([gpuSeconds, reckoned, isOver, held, untilMs, otherCosts]): Counted => ({
      ...{ gpuSeconds, reckoned, isOver, held, untilMs, otherCosts },
    }),
  );
const account = z.tuple([z.string(), z.string(), z.string(), z.number(), part, z.number(), z.number()]).transform(
  ([tenant, region, currency, gpuSeconds, reckoned, succeeded, failed]): Account => ({
    tenant,
    region,
    currency,
    gpuSeconds,
    reckoned,
    succeeded,
    failed,
  }),
);
const pageData = z.object({ counted: z.record(z.string(), counted), accounts: z.array(account) });

const PREFIX = 'aidc-accounts-';
const listOfPlace = ({ attempt, region, currency, gpus, sinceMs }: HeldPlace): (number | string)[] => [
  ...[attempt, region, currency, gpus, sinceMs],
];
const listOf = (of: UsagePart): number[] => PART_KEYS.map((key) => of[key]);
const keyOf = ({ tenant, region, currency }: Where): string => [tenant, region, currency].join('\n');
const NOTHING: Counted = {
  ...{
    gpuSeconds: 0,
    reckoned: partsOf(undefined).reckoned,
    isOver: false,
    held: [],
    untilMs: 0,
    otherCosts: NO_MONEY,
  },
};

export interface AccountsOptions {
  readonly hub: HubStores;
  readonly client: KubeClient;
  readonly namespace: string;
  readonly logger: Logger;
}

/**
 * What tenants have used outlives their workloads: the growth of each status is counted once. Kept by the first
 * digit of the workload's uid, in ConfigMaps each of which has what is counted and what it came to.
 */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #pages = new Map<string, Page>();
  /** Seen and not counted yet, by uid; deleted ones with their last state. */
  readonly #news = new Map<string, { readonly object: Workload; readonly isGone: boolean }>();
  #told: readonly Account[] = [];

  constructor(options: AccountsOptions) {
    this.#options = options;
    const { hub } = options;
    const take = (type: string, object: Workload): void => {
      this.#news.set(object.metadata.uid ?? '', { object, isGone: type === 'deleted' });
    };
    hub.trainings.subscribe(({ type, obj }) => take(type, obj));
    hub.servings.subscribe(({ type, obj }) => take(type, obj));
  }

  /** What is counted and kept. */
  get told(): readonly Account[] {
    return this.#told;
  }

  async load(): Promise<void> {
    const { client, namespace, logger } = this.#options;
    const { items } = await client.list<KubeObject & { data?: { page?: string } }>(CONFIG_MAPS, {
      namespace,
      labelSelector: LABEL.accounts,
    });
    this.#pages.clear();
    for (const { metadata, data } of items) {
      const { resourceVersion, name } = metadata;
      const page: Page = { counted: new Map(), accounts: new Map(), resourceVersion, isDirty: false };
      this.#pages.set(name.slice(PREFIX.length), page);
      const parsed = jsonText(pageData).safeParse(data?.page);
      if (!parsed.success) {
        logger.error('accounts cannot be read: what there is now is counted anew', { configMap: name });
        continue;
      }
      for (const [uid, one] of Object.entries(parsed.data.counted)) page.counted.set(uid, one);
      for (const one of parsed.data.accounts) page.accounts.set(keyOf(one), one);
    }
    for (const store of [this.#options.hub.trainings, this.#options.hub.servings]) {
      for (const object of store.list()) this.#news.set(object.metadata.uid ?? '', { object, isGone: false });
    }
    this.#tell();
  }

  /** Counts what is new and keeps it. @throws where a write fails; it is tried again the next time */
  async turn(): Promise<void> {
    for (const [uid, { object, isGone }] of this.#news) this.#count(uid, object, isGone);
    this.#news.clear();
    const dirty = [...this.#pages].filter(([, { isDirty }]) => isDirty);
    const saved = await Promise.all(dirty.map(([digit, page]) => this.#save(digit, page)));
    if (saved.every((well) => well)) this.#tell();
    else await this.load();
  }

  #count(uid: string, object: Workload, isGone: boolean): void {
    const { status, metadata } = object;
    const usage = status?.usage;
    const page = this.#page(uid);
    const before = page.counted.get(uid) ?? NOTHING;
    const result = before.isOver ? undefined : resultOf(object);
    const { reckoned = before.reckoned, costs = {} } = usage === undefined ? {} : reckonedOf(usage);
    const now: Counted = {
      gpuSeconds: usage?.gpuSeconds ?? before.gpuSeconds,
      ...{ reckoned, otherCosts: { ...before.otherCosts, ...costs } },
      isOver: before.isOver || result !== undefined,
      held: heldOf(object, before.held, (cluster) => this.#placeOf(cluster)),
      untilMs: usage === undefined ? before.untilMs : Date.parse(usage.until),
    };
    const grown = growth(before, now, usage?.currency ?? '');
    const isGrown = PART_KEYS.some((key) => grown.energy[key] > 0) || Object.keys(grown.money).length > 0;
    const isNews = grown.gpuSeconds > 0 || isGrown || result !== undefined;
    if (isNews) {
      const tenant = status?.tenant ?? tenantOf(this.#options.hub, metadata.namespace ?? '');
      const fallback = { region: status?.placement?.region ?? '', currency: usage?.currency ?? '' };
      const places = placesOf(before, now, fallback);
      for (const { share, ...place } of places) {
        this.#add(page, { tenant, ...place }, { gpuSeconds: grown.gpuSeconds * share, energy: grown.energy, share });
      }
      for (const [currency, micros] of Object.entries(grown.money)) {
        for (const { region, share } of placesOfMoney(places, currency)) {
          this.#add(page, { tenant, region, currency }, { micros: micros * share });
        }
      }
      const { region, currency } = places.at(-1) ?? fallback;
      if (result !== undefined) this.#add(page, { tenant, region, currency }, { [result]: 1 });
    }
    if (isNews || JSON.stringify(before.held) !== JSON.stringify(now.held)) {
      page.counted.set(uid, now);
      page.isDirty = true;
    }
    if (isGone && page.counted.delete(uid)) page.isDirty = true;
  }

  #placeOf(cluster: string): Place | undefined {
    const spec = this.#options.hub.clusters.get(cluster)?.spec;
    return spec && { region: spec.region, currency: spec.electricity.currency };
  }

  #add(page: Page, where: Where, { gpuSeconds = 0, energy, share = 1, micros = 0, ...results }: Addition): void {
    const known = page.accounts.get(keyOf(where)) ?? { ...NOTHING, ...where, succeeded: 0, failed: 0 };
    const part = partOf((key) => known.reckoned[key] + (energy?.[key] ?? 0) * share);
    page.accounts.set(keyOf(where), {
      ...where,
      gpuSeconds: known.gpuSeconds + gpuSeconds,
      reckoned: { ...part, costMicros: part.costMicros + micros },
      succeeded: known.succeeded + (results.succeeded ?? 0),
      failed: known.failed + (results.failed ?? 0),
    });
  }

  #page(uid: string): Page {
    const digit = /^[0-9a-f]/.exec(uid)?.[0] ?? 'x';
    let page = this.#pages.get(digit);
    if (page === undefined) {
      page = { counted: new Map(), accounts: new Map(), resourceVersion: undefined, isDirty: false };
      this.#pages.set(digit, page);
    }
    return page;
  }

  /** @returns false when somebody else has written it */
  async #save(digit: string, page: Page): Promise<boolean> {
    const { client, namespace } = this.#options;
    const { resourceVersion } = page;
    const name = `${PREFIX}${digit}`;
    const text = JSON.stringify({
      counted: Object.fromEntries(
        [...page.counted].map(([uid, { gpuSeconds, reckoned, isOver, held, untilMs, otherCosts }]) => [
          uid,
          [gpuSeconds, listOf(reckoned), isOver, held.map(listOfPlace), untilMs, otherCosts],
        ]),
      ),
      accounts: [...page.accounts.values()].map((one) => [
        one.tenant,
        one.region,
        one.currency,
        one.gpuSeconds,
        listOf(one.reckoned),
        one.succeeded,
        one.failed,
      ]),
    });
    const labels = { [LABEL.accounts]: 'tenants' };
    const kept = await keepMap(client, { namespace, name, labels, resourceVersion, data: { page: text } });
    if (kept === undefined) return false;
    page.resourceVersion = kept;
    page.isDirty = false;
    return true;
  }

  #tell(): void {
    const sums = new Map<string, Account>();
    for (const { accounts } of this.#pages.values()) {
      for (const [key, one] of accounts) {
        const known = sums.get(key);
        sums.set(
          key,
          known === undefined
            ? one
            : {
                ...one,
                gpuSeconds: known.gpuSeconds + one.gpuSeconds,
                reckoned: addParts(known.reckoned, one.reckoned),
                succeeded: known.succeeded + one.succeeded,
                failed: known.failed + one.failed,
              },
        );
      }
    }
    this.#told = [...sums.values()];
  }
}

/** What a usage reckons: its sums, and money in other currencies than its own. */
function reckonedOf(usage: Usage): { readonly reckoned: UsagePart; readonly costs: Money } {
  const { [usage.currency]: _, ...costs } = reckonedCosts(usage);
  return { reckoned: partsOf(usage).reckoned, costs };
}

interface Growth {
  readonly gpuSeconds: number;
  /** Without money. */
  readonly energy: UsagePart;
  readonly money: Money;
}

function growth(before: Counted, now: Counted, currency: string): Growth {
  const grown = partOf((key) => Math.max(0, now.reckoned[key] - before.reckoned[key]));
  const others = Object.entries(now.otherCosts).map(([of, micros]) => [of, micros - (before.otherCosts[of] ?? 0)]);
  return {
    gpuSeconds: Math.max(0, now.gpuSeconds - before.gpuSeconds),
    energy: { ...grown, costMicros: 0 },
    money: someMoney({ ...Object.fromEntries(others), [currency]: grown.costMicros }),
  };
}

function resultOf({ status }: Workload): 'succeeded' | 'failed' | undefined {
  const is = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
  if (is(CONDITION.Complete)) return 'succeeded';
  return is(CONDITION.Failed) ? 'failed' : undefined;
}
