#!/usr/bin/env node

const USAGE = `usage: aidc-operator ROLE [ARG ...]

Roles:
  operator            runs the operator on the hub
  agent               measures the GPUs of a node
  nvidia-smi [FILE]   prints the output of nvidia-smi -q -x as JSON
  release COMMAND     checks a release of the Helm chart, or lets go of all objects before its end

aidc-operator ROLE --help tells the rest.
`;

interface Role {
  /** @returns the exit code */
  readonly run: (args: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;
}

/** A role loads only what it needs: the framework and the Kubernetes client take most of a second. */
const ROLES = new Map<string, () => Promise<Role>>([
  ['operator', () => import('./operator.main.ts')],
  ['agent', () => import('./agent.main.ts')],
  ['nvidia-smi', () => import('./nvidia-smi.main.ts')],
  ['release', () => import('./release.main.ts')],
]);

/** Runs one role of the binary. @returns the exit code */
export async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help') {
    process.stdout.write(USAGE);
    return 0;
  }
  const load = ROLES.get(name ?? '');
  if (load === undefined) {
    process.stderr.write(
      name === undefined ? USAGE : `unknown role ${name}: it must be ${[...ROLES.keys()].join(', ')}; see --help\n`,
    );
    return 2;
  }
  const role = await load();
  return role.run(rest, env);
}

if (import.meta.main) {
  process.on('unhandledRejection', (error) => {
    process.stderr.write(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
  process.exit(await main(process.argv.slice(2), process.env));
}
