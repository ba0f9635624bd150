import { z } from 'zod';
import { CONDITION, jsonText, LABEL, type ModelServing, type ModelTraining } from '../api/index.ts';
import { addParts, PART_KEYS, partOf, partsOf, type UsagePart } from '../energy/index.ts';
import { type HubStores, tenantOf } from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { CONFIG_MAPS, type KubeObject } from '../kube/resource.ts';
import type { Logger } from '../runtime/logger.ts';
import { type HeldPlace, heldOf, placesOf } from './held-places.ts';
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

type Where = Pick<Account, 'tenant' | 'region' | 'currency'>;

/** What of a workload is counted. */
interface Counted {
  readonly gpuSeconds: number;
  readonly reckoned: UsagePart;
  readonly isOver: boolean;
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
  .tuple([z.number(), z.string(), z.number(), z.number()])
  .transform(([attempt, region, gpus, sinceMs]): HeldPlace => ({ attempt, region, gpus, sinceMs }));
const counted = z.tuple([z.number(), part, z.boolean(), z.array(place).default([]), z.number().default(0)]).transform(
  ([gpuSeconds, reckoned, isOver, held, untilMs]): Counted => ({
    ...{ gpuSeconds, reckoned, isOver, held, untilMs },
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
const listOfPlace = ({ attempt, region, gpus, sinceMs }: HeldPlace): (number | string)[] => [
  ...[attempt, region, gpus, sinceMs],
];
const listOf = (of: UsagePart): number[] => PART_KEYS.map((key) => of[key]);
const keyOf = ({ tenant, region, currency }: Where): string => [tenant, region, currency].join('\n');
const NOTHING: Counted = {
  ...{ gpuSeconds: 0, reckoned: partsOf(undefined).reckoned, isOver: false, held: [], untilMs: 0 },
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
    const now: Counted = {
      gpuSeconds: usage?.gpuSeconds ?? before.gpuSeconds,
      reckoned: usage === undefined ? before.reckoned : partsOf(usage).reckoned,
      isOver: before.isOver || result !== undefined,
      ...heldOf(object, before.held, (cluster) => this.#options.hub.clusters.get(cluster)?.spec.region),
      untilMs: usage === undefined ? before.untilMs : Date.parse(usage.until),
    };
    const grown = { gpuSeconds: Math.max(0, now.gpuSeconds - before.gpuSeconds), ...growth(before, now) };
    const isNews = grown.gpuSeconds > 0 || PART_KEYS.some((key) => grown.reckoned[key] > 0) || result !== undefined;
    if (isNews) {
      const tenant = status?.tenant ?? tenantOf(this.#options.hub, metadata.namespace ?? '');
      const currency = usage?.currency ?? '';
      const places = placesOf(before, now, status?.placement?.region);
      for (const [region, share] of places) this.#add(page, { tenant, region, currency }, grown, share);
      const [last = ''] = [...places.keys()].slice(-1);
      if (result !== undefined) this.#add(page, { tenant, region: last, currency }, { [result]: 1 });
    }
    if (isNews || JSON.stringify(before.held) !== JSON.stringify(now.held)) {
      page.counted.set(uid, now);
      page.isDirty = true;
    }
    if (isGone && page.counted.delete(uid)) page.isDirty = true;
  }

  /** @param share of what is added, of 1 */
  #add(
    page: Page,
    where: Where,
    { gpuSeconds = 0, reckoned, ...over }: Partial<Omit<Account, keyof Where>>,
    share = 1,
  ) {
    const known = page.accounts.get(keyOf(where));
    const part = partOf((key) => (known?.reckoned[key] ?? 0) + (reckoned?.[key] ?? 0) * share);
    page.accounts.set(keyOf(where), {
      ...where,
      gpuSeconds: (known?.gpuSeconds ?? 0) + gpuSeconds * share,
      reckoned: part,
      succeeded: (known?.succeeded ?? 0) + (over.succeeded ?? 0),
      failed: (known?.failed ?? 0) + (over.failed ?? 0),
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
        [...page.counted].map(([uid, { gpuSeconds, reckoned, isOver, held, untilMs }]) => [
          uid,
          [gpuSeconds, listOf(reckoned), isOver, held.map(listOfPlace), untilMs],
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

const growth = ({ reckoned: before }: Counted, { reckoned: now }: Counted): Pick<Counted, 'reckoned'> => ({
  reckoned: partOf((key) => Math.max(0, now[key] - before[key])),
});

function resultOf({ status }: Workload): 'succeeded' | 'failed' | undefined {
  const is = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
  if (is(CONDITION.Complete)) return 'succeeded';
  return is(CONDITION.Failed) ? 'failed' : undefined;
}
