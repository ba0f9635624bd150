import {
  CONDITION,
  type ComputeQuote,
  type ComputeQuoteStatus,
  type Dataset,
  type Filtered,
  type Offer,
  PENDING_REASON,
} from '../api/index.ts';
import { runCycle } from '../core/cycle.ts';
import { iso } from '../core/iso.ts';
import type { GangRequest, Snapshot, Workload } from '../core/model.ts';
import { quote as plan } from '../core/planner.ts';
import { stableHash } from '../core/shape.ts';
import { isTrue, withConditions } from '../workloads/conditions.ts';
import { type DeclaredAccelerator, gangRequest, regionPolicy, regionsWithAll } from '../workloads/request.ts';
import { metSentence, unmetSentence } from './sentence.ts';

/** What the hub knows around a quote when it answers. */
export interface QuoteContext {
  readonly queue: string;
  /** Value of its priority class, or a sentence why there is none. */
  readonly priority: number | { readonly missing: string };
  readonly dataset: (name: string) => Dataset | undefined;
  readonly declared: readonly DeclaredAccelerator[];
  /** Clusters where its pods could not be made, each with a sentence. */
  readonly excluded: readonly Filtered[];
  readonly snapshot: Snapshot;
  readonly nowMs: number;
}

export interface Answer {
  readonly offers: readonly Offer[];
  /** How many of them, the first ones, are good now. */
  readonly atOnce: number;
  readonly shortfalls: readonly Filtered[];
  /** Condition Answered's. */
  readonly message: string;
  /** Something that it names was not seen: it may only just have been made. */
  readonly missing: boolean;
}

/** An answer is given once. */
export const isAnswered = (quote: ComputeQuote): boolean => isTrue(quote.status?.conditions, CONDITION.Answered);

/** When an answered quote is to be deleted, in ms since the epoch: not before its whole time to live is over. */
export const expiresAt = (quote: ComputeQuote): number =>
  Date.parse(quote.status?.answeredAt ?? '') + FRACTION_MS + quote.spec.ttlSeconds * 1000;

/** Times in a status are cut to whole seconds: the answer may be this much younger than it says. */
const FRACTION_MS = 999;

/** Answers from the present state, as a training of that demand would be decided now. */
export function answer(quote: ComputeQuote, context: QuoteContext): Answer {
  const request = requestOf(quote, context);
  if ('reason' in request) return refused(request);
  const missing = whatIsMissing(quote, context);
  if (missing !== undefined) return refused(missing);
  const { snapshot, nowMs } = context;
  const workload = workloadOf(quote, context, request);
  const { runtimeSeconds, limits } = quote.spec;
  const { finishBy, ...bounds } = limits;
  const by = finishBy === undefined ? {} : { finishBy: Date.parse(finishBy) };
  const planned = plan(workload, { runtimeSeconds, limits: bounds, ...by }, snapshot, nowMs);
  const offers = planned.offers.map(bounded);
  const shortfalls = planned.shortfalls.map((entry) => ({ ...entry, message: entry.message.slice(0, 512) }));
  if (offers.length > 0) {
    const regions = new Set(snapshot.clusters.map((cluster) => cluster.region)).size;
    return {
      offers,
      atOnce: planned.atOnce,
      shortfalls,
      message: metSentence(offers, regions, offers[0]?.runtimeSeconds ?? runtimeSeconds, planned.atOnce),
      missing: false,
    };
  }
  // The sentence that a training would wait with; none when it fits and only the limits forbid it.
  const waits = runCycle([workload], snapshot, nowMs, { limit: 1 }).pending[0];
  const message = unmetSentence(waits?.message, shortfalls);
  return { offers, atOnce: 0, shortfalls, message, missing: waits?.reason !== undefined && UNSEEN.has(waits.reason) };
}

/** Reasons that may hold only until another watch delivers what was made beside the quote. */
const UNSEEN: ReadonlySet<string> = new Set([
  PENDING_REASON.QueueNotFound,
  PENDING_REASON.NamespaceNotAllowed,
  PENDING_REASON.DatasetNotFound,
  PENDING_REASON.PriorityClassNotFound,
]);

interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** Nothing about any region: the demand itself cannot be judged. */
function refused({ reason, message }: Refusal): Answer {
  const shortfalls = [{ cluster: '*', reason, message: message.slice(0, 512) }];
  return {
    offers: [],
    atOnce: 0,
    shortfalls,
    message: unmetSentence(message, shortfalls),
    missing: UNSEEN.has(reason),
  };
}

function requestOf(quote: ComputeQuote, context: QuoteContext): GangRequest | Refusal {
  const { numNodes, resourcesPerNode, accelerators, acceleratorPolicy } = quote.spec;
  const { limits = {}, requests = {} } = resourcesPerNode;
  const bad = (message: string): Refusal => ({
    reason: PENDING_REASON.SpecNotHonoured,
    message: `spec.resourcesPerNode: ${message}`,
  });
  try {
    const request = gangRequest({
      pods: numNodes,
      spec: { containers: [{ name: 'quote', resources: { limits, requests } }] },
      accelerators,
      acceleratorPolicy,
      declared: context.declared,
      topology: quote.spec.placement.topology,
    });
    if (typeof request !== 'string') return request;
    return accelerators.length > 0 ? bad(request) : { reason: PENDING_REASON.NoSuchAccelerator, message: request };
  } catch (error) {
    return bad((error as Error).message);
  }
}

function whatIsMissing(quote: ComputeQuote, context: QuoteContext): Refusal | undefined {
  if (typeof context.priority !== 'number') {
    return { reason: PENDING_REASON.PriorityClassNotFound, message: context.priority.missing };
  }
  const missing = quote.spec.datasets.filter(({ name }) => context.dataset(name) === undefined);
  if (missing.length === 0) return undefined;
  const names = missing.map(({ name }) => name).join(', ');
  return {
    reason: PENDING_REASON.DatasetNotFound,
    message: `Dataset ${names} does not exist in namespace ${quote.metadata.namespace}; create it.`,
  };
}

function workloadOf(quote: ComputeQuote, context: QuoteContext, request: GangRequest): Workload {
  const { metadata, spec } = quote;
  const { queue } = context;
  const namespace = metadata.namespace ?? '';
  const priority = typeof context.priority === 'number' ? context.priority : 0;
  const datasets = spec.datasets.flatMap(({ name }) => context.dataset(name) ?? []);
  const regions = regionPolicy(spec.placement, {
    dataRegions: regionsWithAll(datasets),
    dataJurisdictions: datasets.map((dataset) => dataset.spec.residency.jurisdictions),
    excluded: context.excluded,
  });
  return {
    key: metadata.uid ?? '',
    namespace,
    name: metadata.name,
    kind: 'ModelTraining',
    queue,
    priority,
    queuedAt: context.nowMs,
    request,
    modelClass: spec.modelClass,
    regions,
    avoid: [],
    classKey: stableHash([queue, namespace, priority, request, spec.modelClass, regions]),
  };
}

/** The API's largest whole number bounds every figure. */
const bounded = (offer: Offer): Offer => ({
  ...offer,
  costMicros: Math.min(offer.costMicros, Number.MAX_SAFE_INTEGER),
  wattHours: Math.min(offer.wattHours, Number.MAX_SAFE_INTEGER),
  carbonGrams: Math.min(offer.carbonGrams, Number.MAX_SAFE_INTEGER),
});

export function answeredStatus(quote: ComputeQuote, given: Answer, nowMs: number): ComputeQuoteStatus {
  const now = iso(nowMs);
  const generation = quote.metadata.generation ?? 1;
  const [best] = given.offers;
  return {
    observedGeneration: generation,
    answeredAt: now,
    conditions: withConditions(
      quote.status?.conditions,
      [
        {
          type: CONDITION.Answered,
          status: 'True',
          reason: best === undefined ? 'NoOffer' : given.atOnce > 0 ? 'Offers' : 'OffersLater',
          message: given.message.slice(0, 4096),
        },
      ],
      generation,
      now,
    ),
    offers: [...given.offers],
    shortfalls: [...given.shortfalls],
    display: best === undefined ? {} : displayOf(best, given.atOnce > 0),
  };
}

/** As the columns of trainings show them; `~` marks an estimate. */
const displayOf = (offer: Offer, atOnce: boolean): NonNullable<ComputeQuoteStatus['display']> => ({
  start: atOnce ? 'now' : offer.startTime,
  best: offer.region,
  cost: `${(offer.costMicros / 1_000_000).toFixed(2)} ${offer.currency}`,
  kWh: `~${(offer.wattHours / 1000).toFixed(3)}`,
  co2: `${(offer.carbonGrams / 1000).toFixed(3)} kg`,
});
