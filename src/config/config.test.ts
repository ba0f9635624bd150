import { describe, expect, it } from 'vitest';
import { loadAgentConfig } from './agent.ts';
import { describeSettings, loadConfig } from './config.ts';
import { ConfigError } from './settings.ts';

describe('loadConfig', () => {
  it('has a default for everything and freezes the result', () => {
    const config = loadConfig([], {});
    expect(config).toMatchObject({
      namespace: 'aidc-system',
      bindTimeoutSeconds: 60,
      nodeLostSeconds: 300,
      createNamespaces: false,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reads the environment, and lets flags win', () => {
    const config = loadConfig(['--http-port=9090', '--log-level', 'debug'], {
      AIDC_HTTP_PORT: '1',
      AIDC_CREATE_NAMESPACES: 'true',
    });
    expect(config).toMatchObject({ httpPort: 9090, logLevel: 'debug', createNamespaces: true });
  });

  it('refuses an unknown flag, naming it', () => {
    expect(() => loadConfig(['--htp-port=1'], {})).toThrow(/--htp-port/);
  });

  it('refuses a bad value, naming flag and variable', () => {
    expect(() => loadConfig([], { AIDC_HTTP_PORT: 'eighty' })).toThrow(/--http-port \(AIDC_HTTP_PORT\)/);
    expect(() => loadConfig(['--create-namespaces=yes'], {})).toThrow(ConfigError);
  });

  it('refuses lease times that would let two leaders write', () => {
    expect(() => loadConfig(['--renew-seconds=20'], {})).toThrow(/must be above/);
  });

  it('reads names of Secrets, each once, and names the one that is none', () => {
    expect(loadConfig([], {}).kubeconfigSecrets).toEqual([]);
    expect(loadConfig(['--kubeconfig-secrets=kubeconfig-guian, b.c,,b.c'], {}).kubeconfigSecrets).toEqual([
      'kubeconfig-guian',
      'b.c',
    ]);
    expect(() => loadConfig([], { AIDC_KUBECONFIG_SECRETS: 'good,Not_Good' })).toThrow(
      '--kubeconfig-secrets (AIDC_KUBECONFIG_SECRETS): "Not_Good" is no name of an object',
    );
    expect(() => loadConfig([], { AIDC_KUBECONFIG_SECRETS: 'a,metadata.name!=b' })).toThrow(ConfigError);
  });

  it('refuses one port for metrics with and without TLS', () => {
    expect(() => loadConfig(['--metrics-secure', '--metrics-port=8080'], {})).toThrow('--metrics-port (8080)');
    expect(loadConfig(['--metrics-port=8080'], {}).metricsSecure).toBe(false);
    expect(loadConfig(['--metrics-secure'], {})).toMatchObject({ metricsSecure: true, metricsPort: 8443 });
  });

  it('takes labels of workloads by name, and names them as kube-state-metrics does', () => {
    expect(loadConfig([], {}).workloadLabels).toEqual([]);
    const { workloadLabels } = loadConfig([], {
      AIDC_WORKLOAD_LABELS: 'app.kubernetes.io/name, costCentre,team,team,',
    });
    expect(workloadLabels).toEqual([
      { key: 'app.kubernetes.io/name', name: 'label_app_kubernetes_io_name' },
      { key: 'costCentre', name: 'label_cost_centre' },
      { key: 'team', name: 'label_team' },
    ]);
  });

  it.each([
    ['*', /"\*" is no key of a label/],
    ['team,example.com/', /"example.com\/" is no key/],
    ['a/b/c', /"a\/b\/c" is no key/],
    ['Example.com/team', /is no key/],
    ['a.b,a/b', /"a.b" and "a\/b" would both be label_a_b: take one/],
    [Array.from({ length: 17 }, (_, index) => `l${index}`).join(','), /17 labels, the most are 16/],
  ])('refuses %j as labels', (text, reason) => {
    expect(() => loadConfig(['--workload-labels', text], {})).toThrow(reason);
    expect(() => loadConfig(['--workload-labels', text], {})).toThrow(/--workload-labels \(AIDC_WORKLOAD_LABELS\)/);
  });

  it('describes every setting', () => {
    expect(describeSettings()).toContain('AIDC_NODE_LOST_SECONDS');
  });
});

describe('loadAgentConfig', () => {
  it('has a default for everything', () => {
    expect(loadAgentConfig([], {})).toMatchObject({ nvidiaSmi: 'nvidia-smi', intervalSeconds: 5, publishSeconds: 60 });
  });

  it('reads flags and variables, and names what is wrong', () => {
    expect(loadAgentConfig(['--interval-seconds=2'], { AIDC_NVIDIA_SMI: '/x' })).toMatchObject({
      intervalSeconds: 2,
      nvidiaSmi: '/x',
    });
    expect(() => loadAgentConfig(['--interval-seconds=0.5'], {})).toThrow(/--interval-seconds .* no fractions/);
    expect(() => loadAgentConfig(['--workers=2'], {})).toThrow(/--workers/);
  });
});
