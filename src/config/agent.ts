import { hostname } from 'node:os';
import { z } from 'zod';
import { ConfigError, describe, httpSettings, readSettings, seconds, yesNo } from './settings.ts';

/** Every setting of the node agent. */
const settings = z.object({
  node: z.string().min(1).default(hostname()).describe('Name of the node, as Kubernetes knows it.'),
  kubeconfig: z
    .string()
    .optional()
    .describe('Kubeconfig of the cluster. Default: the pod’s service account; without one nothing is published.'),
  ...httpSettings,
  nvidiaSmi: z.string().min(1).default('nvidia-smi').describe('Name or path of nvidia-smi.'),
  intervalSeconds: z.coerce
    .number()
    .int('must be whole seconds: nvidia-smi takes no fractions')
    .min(1)
    .max(60)
    .default(5)
    .describe('Time from one sample to the next, whole seconds.'),
  deadlineSeconds: seconds(10).describe('nvidia-smi is ended when it is silent for so long beyond its interval.'),
  podResourcesSocket: z
    .string()
    .min(1)
    .default('/var/lib/kubelet/pod-resources/kubelet.sock')
    .describe('Socket on which the kubelet tells which pod holds which device.'),
  stateFile: z.string().optional().describe('File that keeps the counters over restarts. Default: none is kept.'),
  powerCaps: yesNo.describe('Give boards the power caps that their pods ask for. Needs root, and --state-file.'),
  powerCapMeasureSeconds: seconds(300).describe(
    'How long a pod with the cap Auto is watched at work without one before it is given one.',
  ),
  powerCapFrontier: z
    .string()
    .optional()
    .describe('CSV of measured time and power under each limit, from which the share of Auto is learned.'),
  publishSeconds: seconds(60).describe(
    'Time from one write of the ConfigMap, and of the state, to the next; within 15 where a board is lost or samples stop.',
  ),
});

export type AgentConfig = Readonly<z.output<typeof settings>>;

/** Checked once, frozen. Throws ConfigError. */
export const loadAgentConfig = (
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): AgentConfig => {
  const config = readSettings(settings, args, env);
  if (config.powerCaps && config.stateFile === undefined) {
    throw new ConfigError('--power-caps needs --state-file: what was capped before a crash must be known after it');
  }
  return Object.freeze(config);
};

export const describeAgentSettings = (): string => describe(settings);
