import type { ComputeQuote } from '../api/compute-quote.ts';
import { CONDITION } from '../api/conditions.ts';
import type { KubeObject } from '../kube/resource.ts';
import { because, becauseOf, eventsOf, find, type Story, type Surroundings } from './story.ts';

export function quoteStory(quote: ComputeQuote & KubeObject, around: Surroundings): Story {
  const { metadata, status } = quote;
  const answered = find(status?.conditions, CONDITION.Answered);
  const since = status?.answeredAt ?? metadata.creationTimestamp;
  return {
    kind: 'ComputeQuote',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    phase: answered?.status === 'True' ? 'Answered' : 'Pending',
    ...(since === undefined ? {} : { since }),
    holds: false,
    ...(answered === undefined ? because('NotSeen', 'it is not answered yet.') : becauseOf(answered)),
    ...(status?.offers === undefined ? {} : { offers: status.offers }),
    ...(status?.shortfalls === undefined ? {} : { shortfalls: status.shortfalls }),
    events: eventsOf(around.events),
  };
}
