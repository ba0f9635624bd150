import { GROUP, VERSION } from '../api/group.ts';
import type { Resource } from '../kube/resource.ts';
import { usageError } from './errors.ts';

// Written out and compared with the API by a test: the schemas take longer to load than a command to answer.
const ours = (kind: string, plural: string, namespaced = true): Resource => ({
  group: GROUP,
  version: VERSION,
  kind,
  plural,
  namespaced,
});

export const TRAININGS = ours('ModelTraining', 'modeltrainings');
export const SERVINGS = ours('ModelServing', 'modelservings');
export const QUOTES = ours('ComputeQuote', 'computequotes');
export const QUEUES = ours('ComputeQueue', 'computequeues', false);
export const CLUSTERS = ours('RegionalCluster', 'regionalclusters', false);

/** What a command can be asked about by name: the word for it, and the other words that are understood. */
export const SUBJECTS = {
  training: { resource: TRAININGS, aliases: ['trainings', 'mt', 'modeltraining', 'modeltrainings'] },
  serving: { resource: SERVINGS, aliases: ['servings', 'msv', 'modelserving', 'modelservings'] },
  quote: { resource: QUOTES, aliases: ['quotes', 'computequote', 'computequotes'] },
} as const;
export type Subject = keyof typeof SUBJECTS;

/** An argument such as `training/chat`, or `chat` alone. */
export interface Reference {
  readonly subject?: Subject;
  readonly name: string;
}

/** @param allowed the kinds that the command knows */
export function parseReference(text: string, allowed: readonly Subject[]): Reference {
  const [word, name, ...rest] = text.split('/');
  if (name === undefined) return { name: checkedName(text, text) };
  const subject = allowed.find((one) => matches(one, (word ?? '').toLowerCase()));
  if (subject === undefined || rest.length > 0) {
    throw usageError(`${text} is not understood: write NAME or ${allowed.map((one) => `${one}/NAME`).join(', ')}.`);
  }
  return { subject, name: checkedName(name, text) };
}

/** kubectl's `-o name` writes `modeltraining.aidc.dev/chat`. */
function matches(subject: Subject, word: string): boolean {
  const short = word.endsWith(`.${GROUP}`) ? word.slice(0, -GROUP.length - 1) : word;
  const { aliases } = SUBJECTS[subject];
  return short === subject || (aliases as readonly string[]).includes(short);
}

function checkedName(name: string, text: string): string {
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) throw usageError(`${text}: "${name}" is no name of an object.`);
  return name;
}
