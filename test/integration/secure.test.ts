import { spawnSync } from 'node:child_process';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, logTail, type OperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import type { RegionalCluster } from '../../src/api/index.ts';
import { REGIONAL_CLUSTERS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { type KubeObject, SECRETS } from '../../src/kube/resource.ts';
import { type Manifest, openShell, type Shell, startOperatorOf } from '../support/chart.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import { applyAll, clientOf, kubeconfigSecret, regionSpec, untilObject } from '../support/hub.ts';
import { refused, requestsOf, rightsOf, unused } from '../support/rights.ts';

/**
 * What the chart narrows when it is asked to, under exactly the rights it then grants: metrics for those who may read
 * them, and Secrets by their names.
 */
const centre = useEnvironment({
  regions: [h100Region('guian', 1)],
  crdDirectory: '/none',
  audited: 'system:serviceaccounts:aidc-system',
});
const PATIENCE = 90_000;
let shell: Shell;
let hub: KubeClient;
let operator: OperatorProcess;
let metricsUrl: string;
const others: OperatorProcess[] = [];

beforeAll(async () => {
  shell = await openShell();
  hub = clientOf(centre.hub);
  const accounts = ['prometheus-k8s', 'stranger'].map((name) => `&& kubectl create sa ${name} -n monitoring`);
  await shell.sh(`kubectl create ns monitoring ${accounts.join(' ')}`, centre.hub);
  await shell.documented('The hub', centre.hub);
  await shell.documented('Metrics over HTTPS', centre.hub);
  await shell.documented('Only these Secrets', centre.hub);
  const port = await freePort();
  metricsUrl = `https://127.0.0.1:${port}`;
  operator = await startOperatorOf(shell, centre.hub, { AIDC_METRICS_PORT: String(port) });
  await untilReady(operator, PATIENCE);
}, 300_000);
afterAll(async () => {
  await Promise.all([operator, ...others].map((one) => one?.stop()));
  await hub?.close();
  await shell?.remove();
});

const tokenOf = async (account: string): Promise<string> =>
  (await shell.sh(`kubectl create token ${account} -n monitoring --duration=10m`, centre.hub)).trim();

/** The certificate is self-signed: nobody can check it. */
const scrape = (token?: string): Promise<{ status: number | undefined; text: string }> =>
  new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = request(`${metricsUrl}/metrics`, { headers, agent: false, rejectUnauthorized: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    sent.once('error', reject);
    sent.end();
  });

describe('metrics over HTTPS, as documented', () => {
  it('are for the account that the chart names', async () => {
    const { status, text } = await scrape(await tokenOf('prometheus-k8s'));
    expect(status).toBe(200);
    expect(text).toMatch(/^leader_election_master_status\{/m);
    expect(text).toContain('aidc_reflector_healthy{cluster="hub",resource="secrets/kubeconfig-guian"} 1');
  });

  it('are not for others, who are told why', async () => {
    expect(await scrape()).toMatchObject({ status: 401 });
    expect(await scrape('no.such.token')).toMatchObject({ status: 401 });
    expect(await scrape(await tokenOf('stranger'))).toMatchObject({
      status: 403,
      text: expect.stringContaining('system:serviceaccount:monitoring:stranger may not read metrics'),
    });
  });

  it('are for a stranger who is given the right, and his next token', async () => {
    const subject = '--serviceaccount=monitoring:stranger';
    await shell.sh(
      `kubectl create clusterrolebinding s --clusterrole=aidc-operator-metrics-reader ${subject}`,
      centre.hub,
    );
    await expect
      .poll(async () => (await scrape(await tokenOf('stranger'))).status, { timeout: PATIENCE, interval: 500 })
      .toBe(200);
  });

  it('are nowhere else, and the probes stay where they were', async () => {
    const plain = await fetch(`${operator.url}/metrics`);
    expect(plain.status).toBe(404);
    expect(await plain.text()).toContain('Metrics are served over HTTPS only');
    for (const path of ['/livez', '/readyz']) expect((await fetch(`${operator.url}${path}`)).status).toBe(200);
  });

  it('end the process where the given certificate is none, and name the setting', async () => {
    const over = { AIDC_METRICS_PORT: '0', AIDC_METRICS_CERT_DIR: '/none' };
    const wrong = await startOperatorOf(shell, centre.hub, over);
    others.push(wrong);
    expect(await wrong.ended).toBe(2);
    await expect
      .poll(() => logTail(wrong), { timeout: PATIENCE })
      .toContain('--metrics-cert-dir (AIDC_METRICS_CERT_DIR): /none/tls.crt cannot be read');
  });

  it('pass the test of the release', async () => {
    const objects = await shell.render('--namespace aidc-system --set mode=hub,metrics.secure.enabled=true');
    const pod = objects.find(({ kind }) => kind === 'Pod') as Manifest;
    const { containers } = pod.spec as { containers: { command: string[]; args: string[]; env: { name: string }[] }[] };
    expect(containers[0]?.env.map(({ name }) => name)).toEqual(['OPERATOR_URL', 'METRICS_URL']);
    const [, ...args] = containers.flatMap((container) => [...container.command, ...container.args]);
    const ask = (metrics: string) =>
      spawnSync(process.execPath, args, {
        encoding: 'utf8',
        env: { ...process.env, OPERATOR_URL: operator.url, METRICS_URL: metrics },
      });
    expect(ask(metricsUrl)).toMatchObject({ status: 0, stdout: 'the operator is ready\n' });
    expect(ask('https://127.0.0.1:1').status).not.toBe(0);
  });
});

describe('Secrets by their names, as documented', () => {
  const region = (name: string, kubeconfigSecretRef: object): object => ({
    apiVersion: 'aidc.dev/v1alpha1',
    kind: 'RegionalCluster',
    metadata: { name },
    spec: regionSpec(name, { kubeconfigSecretRef }),
  });
  const untilReadySays = (name: string, what: string, status: string, message: RegExp) =>
    untilObject<RegionalCluster & KubeObject>(
      hub,
      REGIONAL_CLUSTERS,
      { namespace: '', name },
      what,
      (object) =>
        object.status?.conditions?.some(
          (one) => one.type === 'Ready' && one.status === status && message.test(one.message ?? ''),
        ) === true,
      PATIENCE,
    );

  it('are taken up when they come, change and go', async () => {
    await applyAll(hub, [
      region('guian', { name: 'kubeconfig-guian' }),
      region('lingang', { name: 'kubeconfig-lingang' }),
    ]);
    await untilReadySays('guian', 'waits for its Secret', 'False', /kubeconfig-guian does not exist/);
    await applyAll(hub, [kubeconfigSecret('guian', centre.region('guian').kubeconfig)]);
    await untilReadySays('guian', 'Ready', 'True', /./);
    await untilReadySays('lingang', 'waits for its Secret', 'False', /kubeconfig-lingang does not exist/);
    await applyAll(hub, [kubeconfigSecret('lingang', 'no kubeconfig')]);
    await untilReadySays('lingang', 'has a bad one', 'False', /kubeconfig-lingang cannot be used/);
    await hub.delete(SECRETS, { namespace: 'aidc-system', name: 'kubeconfig-lingang' });
    await untilReadySays('lingang', 'waits again', 'False', /kubeconfig-lingang does not exist/);
  });

  it('are the only ones: a region with another one says so, and what to do', async () => {
    await applyAll(hub, [kubeconfigSecret('other', centre.region('guian').kubeconfig)]);
    await applyAll(hub, [region('other', { name: 'kubeconfig-other' })]);
    const { status } = await untilReadySays('other', 'says what it may read', 'False', /not among/);
    expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      reason: 'BadKubeconfig',
      message: expect.stringMatching(/\(kubeconfig-guian, kubeconfig-lingang\)\. Add it to kubeconfigSecrets/),
    });
  });

  it('were asked for by name only, under rights that are all used and were enough', async () => {
    const asked = await requestsOf(centre.hub, 'aidc-operator');
    expect(refused(asked), await logTail(operator)).toEqual([]);
    const names = asked.flatMap(({ objectRef }) => (objectRef?.resource === 'secrets' ? [objectRef.name] : []));
    expect([...new Set(names)].sort()).toEqual(['kubeconfig-guian', 'kubeconfig-lingang']);
    const rights = rightsOf(await shell.installed(centre.hub), 'aidc-operator-hub').filter(({ resource }) =>
      ['secrets', 'tokenreviews', 'subjectaccessreviews'].includes(resource),
    );
    expect(rights).toHaveLength(2 * 2 + 2);
    expect(unused(rights, asked)).toEqual([]);
  });

  it('cannot be read by its account otherwise', async () => {
    const can = (what: string): Promise<string> =>
      shell
        .sh(
          `kubectl auth can-i ${what} -n aidc-system --as=system:serviceaccount:aidc-system:aidc-operator || true`,
          centre.hub,
        )
        .then((said) => said.trim());
    expect(await can('list secrets')).toBe('no');
    expect(await can('get secrets/kubeconfig-other')).toBe('no');
    expect(await can('list secrets/kubeconfig-other')).toBe('no');
    expect(await can('list secrets/kubeconfig-guian')).toBe('yes');
  });
});
