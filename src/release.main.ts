import { KubeClient } from './kube/client.ts';
import { defaultCredentials, KubeconfigError } from './kube/kubeconfig.ts';
import { checkAgents, checkKinds, type Findings, letGo } from './release/index.ts';
import { systemClock } from './runtime/clock.ts';
import { errorMessage } from './runtime/errors.ts';

const USAGE = `usage: aidc-operator release COMMAND

What the Helm chart's hooks run. The cluster is that of AIDC_KUBECONFIG, else of the pod's service account.

Commands:
  check-kinds     every CRD is Established and a ModelTraining is accepted, as a dry run in AIDC_NAMESPACE
  check-agents    every agent, a pod of AIDC_NAMESPACE with the labels AIDC_AGENT_SELECTOR, answers
  let-go          deletes every object of ours, waits AIDC_WAIT_SECONDS (default 120) until the operator has let go of
                  them, then takes our finalizer from those that are left

Exit codes: 0 done, 1 something is wrong, in a sentence each, 2 wrong usage.
`;
const ANSWER_MS = 10_000;

type Command = (client: KubeClient, env: NodeJS.ProcessEnv) => Promise<Findings>;

const COMMANDS = new Map<string, Command>([
  ['check-kinds', (client, env) => checkKinds(client, namespaceOf(env))],
  [
    'check-agents',
    (client, env) =>
      checkAgents(client, { namespace: namespaceOf(env), selector: env.AIDC_AGENT_SELECTOR ?? '', ask: answerOf }),
  ],
  [
    'let-go',
    async (client, env) => {
      const waitMs = 1_000 * secondsOf(env.AIDC_WAIT_SECONDS ?? '120');
      const held = await letGo({ client, clock: systemClock, waitMs, say });
      return held.map(
        (one) => `${one} is still there: take away these finalizers of others, or whatever waits for them`,
      );
    },
  ],
]);

class UsageError extends Error {}

/** The role `release`. @returns the exit code */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [name = '', ...rest] = args;
  if (name === '--help') {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    const command = COMMANDS.get(name);
    if (command === undefined || rest.length > 0) {
      throw new UsageError(
        `release ${args.join(' ')}: it must be one of ${[...COMMANDS.keys()].join(', ')}; see --help`,
      );
    }
    const credentials = defaultCredentials(env.AIDC_KUBECONFIG);
    const client = new KubeClient({ cluster: 'release', credentials });
    let findings: Findings;
    try {
      findings = await command(client, env);
    } finally {
      await client.close();
    }
    for (const finding of findings) process.stderr.write(`${finding}\n`);
    if (findings.length === 0) say(`${name}: done`);
    return findings.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${errorMessage(error)}\n`);
    return error instanceof UsageError || error instanceof KubeconfigError ? 2 : 1;
  }
}

const say = (sentence: string): void => void process.stdout.write(`${sentence}\n`);

const namespaceOf = (env: NodeJS.ProcessEnv): string => env.AIDC_NAMESPACE ?? 'aidc-system';

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= 3_600)) throw new UsageError(`AIDC_WAIT_SECONDS: ${text} is not 0 to 3600 seconds`);
  return seconds;
}

async function answerOf(url: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  return { status: answer.status, text: await answer.text() };
}
