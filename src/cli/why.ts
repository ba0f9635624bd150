import type { ComputeQueue } from '../api/compute-queue.ts';
import type { ComputeQuote } from '../api/compute-quote.ts';
import type { ModelServing } from '../api/model-serving.ts';
import type { ModelTraining } from '../api/model-training.ts';
import type { KubeObject } from '../kube/resource.ts';
import type { Hub } from './hub.ts';
import { QUEUES, type Subject } from './kinds.ts';
import { CONNECTION_FLAGS, type Command, DISPLAY_FLAGS, print } from './session.ts';
import type { Story, Surroundings } from './story.ts';
import { quoteStory } from './story-quote.ts';
import { servingStory } from './story-serving.ts';
import { storyText } from './story-text.ts';
import { trainingStory } from './story-training.ts';

export const why: Command = {
  name: 'why',
  args: 'NAME | training/NAME | serving/NAME | quote/NAME',
  count: [1, 1],
  summary: 'one workload’s whole story: state, why, what would help, place in the queue, decision record, events',
  flags: [...CONNECTION_FLAGS, 'namespace', ...DISPLAY_FLAGS],
  run: async (session) => {
    const hub = session.connect();
    const { subject, object } = await hub.find(session.args[0] ?? '', ['training', 'serving', 'quote']);
    const story = storyOf(subject, object, await around(hub, object));
    await print(session, story, (paint) => storyText(story, session.io.now(), paint));
  },
};

async function around(hub: Hub, object: KubeObject): Promise<Surroundings> {
  const { spec, status } = object as KubeObject & { spec?: { queue?: string }; status?: { queue?: string } };
  const name = status?.queue ?? spec?.queue;
  const [queue, events] = await Promise.all([
    name === undefined ? undefined : hub.ifAllowed(hub.get<ComputeQueue>(QUEUES, name)),
    hub.events(object),
  ]);
  return { queue, events };
}

function storyOf(subject: Subject, object: KubeObject, surroundings: Surroundings): Story {
  switch (subject) {
    case 'training':
      return trainingStory(object as ModelTraining & KubeObject, surroundings);
    case 'serving':
      return servingStory(object as ModelServing & KubeObject, surroundings);
    case 'quote':
      return quoteStory(object as ComputeQuote & KubeObject, surroundings);
  }
}
