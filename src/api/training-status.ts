import { z } from 'zod';
import { conditions, display, int, time, usage } from './common.ts';
import { admission, avoidedNode, nomination, placementStatus } from './decision.ts';

const attemptRecord = z.object({
  attempt: int('Number of the attempt.', 1),
  region: z.string().max(63).meta({ description: 'Region it ran in.' }),
  cluster: z.string().max(63).meta({ description: 'RegionalCluster it ran in.' }),
  startTime: time('When all its pods were first ready.').optional(),
  checkpointTime: time('When its last checkpoint was complete, as its pods said. Absent: they did not.').optional(),
  endTime: time('When it ended.'),
  endReason: z.string().max(64).meta({ description: 'Why it ended, one word.' }),
  message: z.string().max(512).optional().meta({ description: 'Why it ended, with names and numbers.' }),
  runningSeconds: int('Time all pods were ready, in seconds.'),
  gpuSeconds: int('Accelerator-seconds held.'),
});
export type AttemptRecord = z.output<typeof attemptRecord>;

export const TRAINING_PHASES = [
  'Pending',
  'Queued',
  'Binding',
  'Starting',
  'Running',
  'Recovering',
  'Suspending',
  'Suspended',
  'Succeeded',
  'Failed',
  'Cancelled',
] as const;
export type TrainingPhase = (typeof TRAINING_PHASES)[number];

/** What its program tells of its progress, named as in Kubeflow's TrainJob. */
const trainerStatus = z
  .object({
    progressPercentage: int(
      'How far it is in percent, whole; of several pods that tell, the least.',
      0,
      100,
    ).optional(),
    estimatedRemainingSeconds: int(
      'Running time that it needs yet in seconds, as of lastUpdatedTime: as its program told, else reckoned from progress and the time it ran. Absent: not known, or finished.',
    ).optional(),
    lastUpdatedTime: time('When the hub took it from the pods, at most once a minute.'),
  })
  .meta({ description: 'What its program told of its progress by annotations on its pods. Absent: nothing.' });
export type TrainerStatus = z.output<typeof trainerStatus>;

const trainingDisplay = display
  .extend({
    position: z.string().max(16).optional().meta({
      description: 'Place among those that wait in its queue, from 1; >100 further back. Only while it waits.',
    }),
    progress: z.string().max(8).optional().meta({ description: 'How far it is, as its program told.' }),
    wait: z.string().max(32).optional().meta({
      description:
        'While it waits, when it is expected to start: month-day hour:minute in UTC, after ~. Afterwards how long it waited in all.',
    }),
  })
  .meta({ description: 'Formatted values for the printer columns (JSONPath cannot compute).' });

export const modelTrainingStatus = z
  .object({
    observedGeneration: int('metadata.generation the status was made for.').optional(),
    phase: z
      .enum(TRAINING_PHASES)
      .optional()
      .meta({ description: 'One word for people; programs read the conditions.' }),
    conditions: conditions.optional(),
    attempt: int('Number of the present or last attempt; 0 before the first.').optional(),
    admission: admission.optional(),
    nomination: nomination.optional(),
    placement: placementStatus.optional(),
    restarts: z
      .object({
        infra: int('After lost nodes, pods or Jobs.'),
        application: int('After the program failed.'),
        preemption: int('After it made room for another workload; not limited.').optional(),
        free: int('After bind conflicts; not limited.'),
      })
      .optional()
      .meta({ description: 'Restarts by cause.' }),
    attempts: z
      .array(attemptRecord)
      .max(10)
      .optional()
      .meta({ description: 'Last 10 ended attempts.', 'x-kubernetes-list-type': 'atomic' }),
    avoid: z
      .array(avoidedNode)
      .max(16)
      .optional()
      .meta({ description: 'Nodes that are not used again for now.', 'x-kubernetes-list-type': 'atomic' }),
    ending: z
      .object({
        reason: z.string().max(64).meta({ description: 'Why the attempt ends, one word.' }),
        message: z.string().max(512).meta({ description: 'Why the attempt ends, with names and numbers.' }),
        time: time('When the end was decided.'),
        startTime: time('Since when all its pods were ready, then. Absent: they were not.').optional(),
        checkpointTime: time('When its last checkpoint was complete, as its pods said.').optional(),
      })
      .optional()
      .meta({ description: 'The present attempt has ended for this reason; its pods are being removed.' }),
    nextAttemptTime: time('Not tried again before then (backoff).').optional(),
    previousAssignment: z
      .object({
        cluster: z.string().max(63).meta({ description: 'RegionalCluster of the last attempt.' }),
        assignment: z.string().max(262_144).meta({ description: 'Its nodes, as in admission.assignment.' }),
      })
      .optional()
      .meta({ description: 'Where the last attempt ran; the next one keeps its healthy nodes where it can.' }),
    jobsStatus: z
      .array(
        z.object({
          name: z.string().max(63).meta({ description: 'Name of the member Job.' }),
          ready: int('Ready pods.'),
          succeeded: int('Succeeded pods.'),
          failed: int('Failed pods.'),
          active: int('Pods that are not finished.'),
        }),
      )
      .max(1)
      .optional()
      .meta({
        description: 'The member Job’s counts.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
    queue: z.string().max(63).optional().meta({ description: 'Queue it is or was last in.' }),
    tenant: z.string().max(63).optional().meta({ description: 'Tenant, frozen at first admission.' }),
    times: z
      .object({
        queuedSeconds: int('Closed time waiting for admission, in seconds.'),
        startingSeconds: int('Closed time from admission to all pods ready, in seconds.'),
        runningSeconds: int('Closed time with all pods ready, in seconds.'),
        suspendedSeconds: int('Closed time suspended, in seconds.'),
      })
      .optional()
      .meta({ description: 'Closed intervals by state; the open one starts at stateSince.' }),
    stateSince: time('When the present state (queued, starting, running, suspended) began.').optional(),
    startTime: time('When all pods were first ready.').optional(),
    completionTime: time('When it finished.').optional(),
    usage: usage.optional(),
    trainerStatus: trainerStatus.optional(),
    display: trainingDisplay.optional(),
  })
  .meta({ description: 'What was decided and seen.' });

export type ModelTrainingStatus = z.output<typeof modelTrainingStatus>;
