import { defineConfig } from 'vitest/config';

/**
 * Three projects, from fast to real:
 *  - unit: pure code and property tests, beside the code;
 *  - contract: our Kubernetes client against scripted faulty servers;
 *  - integration: everything against real kube-apiservers (built or downloaded once, then cached).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'deploy/**/*.test.ts', 'test/repo/**/*.test.ts', 'test/bench/**/*.test.ts'],
          // They run beside the control planes of the integration tests, on as few cores as there are.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: 120_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          globalSetup: ['test/support/prepare.ts'],
        },
      },
    ],
  },
});
