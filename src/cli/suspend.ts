import type { ModelServing } from '../api/model-serving.ts';
import type { ModelTraining } from '../api/model-training.ts';
import type { KubeObject } from '../kube/resource.ts';
import type { Hub } from './hub.ts';
import { SUBJECTS } from './kinds.ts';
import { CONNECTION_FLAGS, type Command, DISPLAY_FLAGS, print, type Session } from './session.ts';

const common = {
  args: 'NAME | training/NAME | serving/NAME ...',
  count: [1, Number.POSITIVE_INFINITY],
  flags: [...CONNECTION_FLAGS, 'namespace', ...DISPLAY_FLAGS],
} as const;

export const suspend: Command = {
  ...common,
  name: 'suspend',
  summary: 'stop trainings or servings, and release their nodes and quota',
  run: (session) => setAll(session, true),
};

export const resume: Command = {
  ...common,
  name: 'resume',
  summary: 'queue suspended trainings or servings again',
  run: (session) => setAll(session, false),
};

export interface Change {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly suspend: boolean;
  /** False: it was so already, or has finished. */
  readonly changed: boolean;
  readonly message: string;
}

/** All names are looked up before anything is changed. */
async function setAll(session: Session, wanted: boolean): Promise<void> {
  const hub = session.connect();
  const found = await Promise.all(session.args.map((text) => hub.find(text, ['training', 'serving'])));
  const changes: Change[] = [];
  for (const { subject, object } of found) {
    changes.push(await setOne(hub, subject as 'training' | 'serving', object, wanted));
  }
  await print(session, { changes }, () => changes.map(({ message }) => message).join('\n'));
}

async function setOne(hub: Hub, subject: 'training' | 'serving', object: KubeObject, wanted: boolean): Promise<Change> {
  const change = plannedChange(subject, object as (ModelTraining | ModelServing) & KubeObject, wanted);
  if (change.changed) await hub.setSuspend(SUBJECTS[subject].resource, object.metadata.name, wanted);
  return change;
}

/** What is to be done, and the sentence that tells it. */
export function plannedChange(
  subject: 'training' | 'serving',
  object: (ModelTraining | ModelServing) & KubeObject,
  wanted: boolean,
): Change {
  const { metadata, spec, status } = object;
  const namespace = metadata.namespace ?? '';
  const say = (changed: boolean, what: string): Change => ({
    kind: SUBJECTS[subject].resource.kind,
    namespace,
    name: metadata.name,
    suspend: changed ? wanted : spec.suspend,
    changed,
    message: `${subject} ${namespace}/${metadata.name} ${what}`,
  });
  const phase = status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') return say(false, `has finished (${phase}): nothing to change.`);
  if (spec.suspend === wanted)
    return say(false, wanted ? 'is suspended already.' : 'is not suspended: nothing to change.');
  return wanted
    ? say(true, 'suspended: its pods are removed, nodes and quota released.')
    : say(true, 'resumed: it is queued again.');
}
