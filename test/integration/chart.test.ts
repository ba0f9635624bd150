import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboardFiles } from '../../deploy/grafana/index.ts';
import { RULES } from '../../deploy/local/start/prometheus.ts';
import { generated } from '../../deploy/tools/gen.ts';
import type { KubeObject } from '../../src/kube/resource.ts';
import { block, deployedPod, type Manifest, manifests, openShell, type Shell } from '../support/chart.ts';
import { eventually, h100Region, useEnvironment } from '../support/environment.ts';
import { documentedRights, rightsOf } from '../support/rights.ts';

const centre = useEnvironment({ regions: [h100Region('guian', 1)], crdDirectory: '/none' });
let shell: Shell;

beforeAll(async () => {
  shell = await openShell();
});
afterAll(() => shell.remove());

const INSTALL = '--namespace aidc-system --set mode=';
const VERSIONS = ['1.31.0', '1.32.0', '1.33.0', '1.34.0', '1.35.0', '1.36.0'];
/** Every option that adds an object or a field. */
const EVERYTHING = [
  ...[
    'serviceMonitor.enabled=true',
    'agent.mig=true',
    'serviceMonitor.labels.release=prometheus',
    'member.createNamespaces=true',
  ],
  ...['imagePullSecrets[0].name=pull', 'nodeSelector.disk=ssd', 'podLabels.team=centre', 'podAnnotations.note=here'],
  'tolerations[0].operator=Exists',
  ...['commonLabels.centre=west', 'extraEnv[0].name=NODE_EXTRA_CA_CERTS', 'extraEnv[0].value=/certs/ca.crt'],
  ...['extraVolumes[0].name=certs', 'extraVolumes[0].configMap.name=certs'],
  ...['extraVolumeMounts[0].name=certs', 'extraVolumeMounts[0].mountPath=/certs'],
  ...['serviceMonitor.honorLabels=true', 'serviceMonitor.relabelings[0].targetLabel=centre'],
  'serviceMonitor.metricRelabelings[0].action=labeldrop',
  ...['metrics.secure.enabled=true', 'metrics.secure.certificateSecret=metrics-tls', 'kubeconfigSecrets={a,b.c}'],
  ...['metrics.secure.scrapers[0].kind=ServiceAccount', 'metrics.secure.scrapers[0].name=prometheus'],
  'metrics.secure.scrapers[0].namespace=monitoring',
  ...['prometheusRule.enabled=true', 'prometheusRule.labels.release=prometheus', 'dashboards.enabled=true'],
  ...['dashboards.annotations.grafana_folder=AIDC', 'crds.keep=false', 'extraArgs[0]=--ledger-seconds=30'],
  ...['agent.powerCaps=true', 'agent.podMonitor.enabled=true', 'agent.podMonitor.honorLabels=true'],
  ...['agent.podMonitor.relabelings[0].targetLabel=centre', 'agent.podMonitor.metricRelabelings[0].action=labeldrop'],
  ...['agent.extraArgs[0]=--publish-seconds=30', 'agent.extraEnv[0].name=TZ', 'agent.extraEnv[0].value=Asia/Shanghai'],
  ...['agent.extraVolumes[0].name=certs', 'agent.extraVolumes[0].configMap.name=certs'],
  ...['agent.extraVolumeMounts[0].name=certs', 'agent.extraVolumeMounts[0].mountPath=/certs'],
  ...['agent.podLabels.team=centre', 'agent.podAnnotations.note=here', 'agent.podMonitor.labels.release=prometheus'],
  'agent.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key=metadata.name',
  'agent.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].operator=In',
  'agent.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].values[0]=a',
  `image.digest=sha256:${'0'.repeat(64)}`,
  'networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring',
  'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1',
  'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].key=metadata.name',
  'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].operator=In',
  'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].values[0]=a',
]
  .map((value) => `--set '${value}'`)
  .join(' ');

/** As much of the Prometheus operator's kind as we write; a field beside these is refused. */
const SERVICE_MONITOR = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicemonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: ServiceMonitor, plural: servicemonitors}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                selector: {type: object, properties: {matchLabels: {type: object, additionalProperties: {type: string}}}}
                endpoints:
                  type: array
                  items: {type: object, properties: {scheme: {type: string}, bearerTokenFile: {type: string}, authorization: {type: object, properties: {credentials: {type: object, properties: {name: {type: string}, key: {type: string}}}}}, tlsConfig: {type: object, properties: {serverName: {type: string}, insecureSkipVerify: {type: boolean}, ca: {type: object, properties: {secret: {type: object, properties: {name: {type: string}, key: {type: string}}}}}}}, port: {type: string}, path: {type: string}, interval: {type: string}, honorLabels: {type: boolean}, relabelings: {type: array, items: {type: object, properties: {targetLabel: {type: string}, action: {type: string}}}}, metricRelabelings: {type: array, items: {type: object, properties: {action: {type: string}}}}}}
`;

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const listOf = (properties: object) => ({ type: 'array', items: { type: 'object', properties } });
const relabelings = listOf({ targetLabel: text, action: text });

/** The same of the other two. */
const OTHER_MONITORS = [
  monitoringKind('PodMonitor', {
    selector: { type: 'object', properties: { matchLabels: texts } },
    podMetricsEndpoints: listOf({
      ...{ port: text, path: text, interval: text, honorLabels: { type: 'boolean' } },
      ...{ relabelings, metricRelabelings: relabelings },
    }),
  }),
  monitoringKind('PrometheusRule', {
    groups: listOf({
      ...{ name: text, interval: text },
      rules: listOf({ alert: text, record: text, expr: text, for: text, labels: texts, annotations: texts }),
    }),
  }),
];

function monitoringKind(kind: string, properties: object): object {
  const plural = `${kind.toLowerCase()}s`;
  const openAPIV3Schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: { group: 'monitoring.coreos.com', scope: 'Namespaced', names: { kind, plural }, versions: [version] },
  };
}

const isAccount = ({ kind, metadata }: Manifest, end: string): boolean =>
  kind === 'ServiceAccount' && metadata.name.endsWith(end);

const kindsOf = (objects: readonly Manifest[]): string[] => [...new Set(objects.map(({ kind }) => kind ?? ''))].sort();

describe('the chart, rendered', () => {
  it.each(['hub', 'member', 'all'])('is well formed in mode %s', async (mode) => {
    await shell.sh(`helm lint --strict charts/aidc-operator ${INSTALL}${mode}`);
    const all = await Promise.all(
      VERSIONS.map((version) =>
        shell.sh(`helm template aidc-operator charts/aidc-operator --kube-version ${version} ${INSTALL}${mode}`),
      ),
    );
    expect(new Set(all).size).toBe(1);
    const kinds = kindsOf(manifests(all[0] ?? ''));
    expect(kinds.includes('Deployment')).toBe(mode !== 'member');
    expect(kinds.includes('CustomResourceDefinition')).toBe(mode !== 'member');
    expect(kinds.includes('PriorityClass')).toBe(mode !== 'hub');
    expect(kinds.includes('Secret')).toBe(mode === 'member');
  });

  it('grants no wildcard, and secrets in its own namespace only', async () => {
    const roles = (await shell.render(`${INSTALL}all`, EVERYTHING)).filter(({ kind }) => kind?.endsWith('Role'));
    expect(roles.length).toBeGreaterThanOrEqual(7);
    for (const { kind, rules } of roles) {
      expect(JSON.stringify(rules)).not.toContain('*');
      if (kind === 'ClusterRole') expect(JSON.stringify(rules)).not.toContain('secrets');
    }
  });

  it('lets scrapers in by the port that metrics are on, and has rights for it only where they are asked for', async () => {
    interface Endpoint {
      readonly port: string;
      readonly [field: string]: unknown;
    }
    interface Ingress {
      readonly ports: { port: string }[];
      readonly from: object[];
    }
    const look = async (...values: string[]) => {
      const from = { namespaceSelector: { matchLabels: { name: 'monitoring' } } };
      const set = ['serviceMonitor.enabled=true', ...values].map((value) => `--set ${value}`).join(' ');
      const json = `--set-json 'networkPolicy.metricsFrom=${JSON.stringify([from])}'`;
      const objects = await shell.render(`${INSTALL}hub ${set} ${json}`);
      const find = (kind: string) => objects.find((object) => object.kind === kind)?.spec as Record<string, never[]>;
      const opened = (find('NetworkPolicy').ingress as Ingress[]).filter((rule) =>
        rule.from.some((peer) => JSON.stringify(peer) === JSON.stringify(from)),
      );
      const { port, scheme, tlsConfig, bearerTokenFile, authorization } = (
        find('ServiceMonitor').endpoints as Endpoint[]
      )[0] as Endpoint;
      const ports = (find('Service').ports as { name: string }[]).map(({ name }) => name);
      const reviews = JSON.stringify(objects).includes('tokenreviews');
      const opens = opened.flatMap((rule) => rule.ports.map((one) => one.port));
      return { ports, opens, reviews, endpoint: { port, scheme, tlsConfig, bearerTokenFile, authorization } };
    };
    expect(await look()).toEqual({ ports: ['http'], opens: ['http'], reviews: false, endpoint: { port: 'http' } });
    const token = '/var/run/secrets/kubernetes.io/serviceaccount/token';
    const https = { port: 'https-metrics', scheme: 'https' };
    expect(await look('metrics.secure.enabled=true')).toEqual({
      ports: ['http', 'https-metrics'],
      opens: ['https-metrics'],
      reviews: true,
      endpoint: { ...https, tlsConfig: { insecureSkipVerify: true }, bearerTokenFile: token },
    });
    const checked = await look('metrics.secure.enabled=true', 'metrics.secure.certificateSecret=tls');
    expect(checked.endpoint).toEqual({
      ...https,
      tlsConfig: {
        serverName: 'aidc-operator-metrics.aidc-system.svc',
        ca: { secret: { name: 'tls', key: 'ca.crt' } },
      },
      bearerTokenFile: token,
    });
    const own = await look(
      'metrics.secure.enabled=true',
      'serviceMonitor.tlsConfig.serverName=x',
      'serviceMonitor.authorization.credentials.name=y',
    );
    expect(own.endpoint).toEqual({
      ...https,
      tlsConfig: { serverName: 'x' },
      authorization: { credentials: { name: 'y' } },
    });
  });

  it.each([
    ['On the hub', 'aidc-operator-hub'],
    ['In each member', 'aidc-operator-member'],
  ])('grants what the documentation lists %s, and no more', async (heading, role) => {
    const granted = rightsOf(await shell.render(`${INSTALL}all`, EVERYTHING), role);
    const documented = new Set(await documentedRights(heading));
    expect(new Set(granted.map(({ verb, resource }) => `${verb} ${resource}`))).toEqual(documented);
    expect(documented.size).toBeGreaterThan(15);
  });

  it('has the CRDs as they are generated, and keeps them unless told otherwise', async () => {
    const files = [...generated()].filter(([path]) => path.startsWith('crds/')).map(([, text]) => text);
    const rendered = (await shell.render(`${INSTALL}hub`)).filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(rendered).toHaveLength(6);
    const specs = new Map(manifests(files.join('---\n')).map((crd) => [crd.metadata.name, crd.spec]));
    for (const { metadata, spec } of rendered) {
      expect(spec).toEqual(specs.get(metadata.name));
      expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    }
    const loose = await shell.render(`${INSTALL}hub --set crds.keep=false --show-only templates/crds.yaml`);
    expect(loose.filter(({ metadata }) => metadata.annotations !== undefined)).toEqual([]);
    expect(kindsOf(await shell.render(`${INSTALL}hub --set crds.install=false`))).not.toContain(
      'CustomResourceDefinition',
    );
  });

  it('puts common labels on every object, and what is extra into the operator’s pod', async () => {
    const objects = await shell.render(`${INSTALL}all`, EVERYTHING, '--set dashboards.enabled=true');
    expect(objects.filter(({ metadata }) => metadata.labels?.centre !== 'west')).toEqual([]);
    const { spec } = deployedPod(objects);
    expect(spec).toMatchObject({
      volumes: [{ name: 'metrics-certificate' }, { name: 'certs' }],
      containers: [{ volumeMounts: [{ mountPath: '/etc/aidc/metrics-certificate' }, { mountPath: '/certs' }] }],
    });
    expect(spec.containers[0]?.env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/certs/ca.crt' });
  });

  it('has the rules and dashboards as they are in deploy, when asked for', async () => {
    expect(kindsOf(await shell.render(`${INSTALL}hub`))).not.toContain('PrometheusRule');
    const asked = await shell.render(
      `${INSTALL}hub --show-only templates/monitoring.yaml`,
      '--set prometheusRule.enabled=true,prometheusRule.labels.release=p,dashboards.enabled=true,dashboards.namespace=grafana',
    );
    const [rule] = asked.filter(({ kind }) => kind === 'PrometheusRule');
    expect(rule?.spec).toEqual(parse(await readFile(RULES, 'utf8')));
    expect(rule?.metadata.labels).toMatchObject({ release: 'p' });
    const args = `${INSTALL}member --show-only templates/monitoring.yaml --set prometheusRule.enabled=true`;
    const ofMember = await shell.render(args, '--set dashboards.enabled=true');
    expect(kindsOf(ofMember)).toEqual(['PrometheusRule']);
    const { groups } = parse(await readFile(RULES, 'utf8')) as { groups: { name: string }[] };
    expect(ofMember[0]?.spec).toEqual({ groups: groups.filter(({ name }) => name === 'aidc-agents') });
    const maps = asked.filter(({ kind }) => kind === 'ConfigMap') as (Manifest & { data: Record<string, string> })[];
    expect(new Set(maps.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['grafana']));
    const data = Object.assign({}, ...maps.map((map) => map.data)) as Record<string, string>;
    expect(Object.keys(data).sort()).toEqual([...dashboardFiles().keys()].sort());
    for (const [name, text] of dashboardFiles()) expect(JSON.parse(data[name] ?? '')).toEqual(JSON.parse(text));
  });

  it.each([
    ['replica=3', 'replica'],
    ['mode=hubs', 'mode'],
    ['config.loglevel=info', 'loglevel'],
    ['config.logLevel=verbose', 'logLevel'],
    ['config.workers=0', 'workers'],
    ["'config.workloadLabels={app,*}'", 'workloadLabels'],
    ['image.digest=latest', 'digest'],
    ['networkPolicy.enable=true', 'enable'],
    ['serviceMonitor.interval=soon', 'interval'],
    ['resources.request.cpu=1', 'request'],
    ['metrics.secure.enable=true', 'enable'],
    ['metrics.secure.certificateSecret=Not_A_Name', 'certificateSecret'],
    ['metrics.secure.scrapers[0].kind=ServiceAccount,metrics.secure.scrapers[0].name=x', 'namespace'],
    ["'kubeconfigSecrets={*}'", 'kubeconfigSecrets'],
    ['commonLabels.app\\\\.kubernetes\\\\.io/name=x', "invalid propertyName 'app.kubernetes.io/name'"],
    ['member.createNamespaces=maybe', 'createNamespaces'],
    ['agent.podMonitor.relabeling=x', 'relabeling'],
    ['agent.extraArgs[0]=publish-seconds=30', 'extraArgs'],
    ['agent.podLabel.a=b', 'podLabel'],
    ['podLabels.app\\\\.kubernetes\\\\.io/component=test', "invalid propertyName 'app.kubernetes.io/component'"],
    ['agent.podLabels.helm\\\\.sh/chart=x', "invalid propertyName 'helm.sh/chart'"],
    ['namespaceOverride=Not_A_Name', 'namespaceOverride'],
    // To null is to take away, and would be to change: what is kept, who gets in.
    ['crds.keep=null', "missing property 'keep'"],
    ['networkPolicy=null', "missing property 'networkPolicy'"],
    ['securityContext=null', "missing property 'securityContext'"],
  ])('refuses --set %s and names it', async (value, name) => {
    await expect(shell.render(`${INSTALL}hub --set ${value}`)).rejects.toThrow(name);
  });

  it('puts everything where namespaceOverride says', async () => {
    const own = '--namespace platform --set mode=all,namespaceOverride=aidc-system,crds.keep=false';
    const objects = await shell.render(own, EVERYTHING, '--set dashboards.enabled=true');
    expect(JSON.stringify(objects)).not.toContain('platform');
    expect(objects).toEqual(await shell.render(`${INSTALL}all --set namespaceOverride=`, EVERYTHING));
  });

  it('has selectors that find the pods they are for, and none of a hook', async () => {
    type Labels = Readonly<Record<string, string>>;
    type Selector = Labels & { readonly matchLabels?: Labels };
    const objects = await shell.render(`${INSTALL}all`, EVERYTHING);
    const withTemplate = objects as (Manifest & { spec?: { template?: { metadata: { labels: Labels } } } })[];
    const pods = withTemplate
      .filter(({ kind, spec }) => kind === 'Pod' || spec?.template !== undefined)
      .map(({ kind, metadata, spec }) => ({
        of: `${kind} ${metadata.name}`,
        labels: spec?.template?.metadata.labels ?? metadata.labels ?? {},
      }));
    expect(pods).toHaveLength(6);
    const found = objects.flatMap(({ kind, metadata, spec }) => {
      const { selector, podSelector } = (spec ?? {}) as { selector?: Selector; podSelector?: Selector };
      const chosen = selector?.matchLabels ?? podSelector?.matchLabels ?? selector;
      // Those of the monitors choose Services and pods by a label of the target.
      if (chosen === undefined || kind === 'ServiceMonitor') return [];
      const matches = pods.filter(({ labels }) =>
        Object.entries(chosen).every(([key, value]) => labels[key] === value),
      );
      return [[`${kind} ${metadata.name}`, matches.map(({ of }) => of).join()]];
    });
    expect(found).toHaveLength(7);
    for (const [selector = '', matched] of found) {
      const one = /agent/.test(selector) ? 'DaemonSet aidc-operator-agent' : 'Deployment aidc-operator';
      expect(matched, selector).toBe(one);
    }
  });

  it('refuses a region elsewhere than where the hub looks', async () => {
    await expect(shell.render('--namespace elsewhere --set mode=member')).rejects.toThrow('namespace aidc-system');
  });
});

describe('the chart on a real API server', () => {
  it.each(['serviceMonitor.enabled', 'prometheusRule.enabled', 'agent.podMonitor.enabled'])(
    'says what %s needs, and installs nothing',
    async (value) => {
      const install = `helm install aidc-operator charts/aidc-operator ${INSTALL}all --create-namespace`;
      await expect(shell.sh(`${install} --set ${value}=true`, centre.region('guian'))).rejects.toThrow(
        `${value} is true, but this cluster has no kinds of monitoring.coreos.com/v1: install the Prometheus operator first`,
      );
      expect(await shell.sh('helm list -A -a -q', centre.region('guian'))).toBe('');
    },
  );

  it('refuses a Kubernetes that is too old', async () => {
    await expect(
      shell.sh(`helm template aidc-operator charts/aidc-operator --kube-version 1.30.4 ${INSTALL}hub`),
    ).rejects.toThrow('chart requires kubeVersion: >=1.31.0-0');
  });

  it.each([
    ['hub', 'its defaults', ''],
    ['member', 'every option', EVERYTHING],
    ['all', 'every option', EVERYTHING],
  ])('is accepted object by object in mode %s with %s', async (mode, _what, values) => {
    const guian = centre.region('guian');
    const monitors = OTHER_MONITORS.map((one) => JSON.stringify(one));
    await shell.sh('kubectl apply -f -', guian, [SERVICE_MONITOR, ...monitors].join('\n---\n'));
    await shell.sh('kubectl wait crd --all --for=condition=Established --timeout=60s', guian);
    const items = await shell.render(`${INSTALL}${mode}`, values);
    const manifestOf = (objects: readonly Manifest[]) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    // A pod is taken only where its account is there, and a dry run makes none.
    const accounts = manifestOf(items.filter(({ kind }) => kind === 'ServiceAccount'));
    await shell.sh('kubectl apply -f -', guian, accounts);
    const said = await shell.sh('kubectl apply --dry-run=server --validate=strict -f -', guian, manifestOf(items));
    await shell.sh('kubectl delete -f -', guian, accounts);
    expect(said.trim().split('\n')).toHaveLength(items.length);
  });

  it('gives the agent of a node the rights to set power limits only where it is asked to', async () => {
    const agentOf = async (values: string) => {
      const objects = await shell.render(`${INSTALL}member ${values}`);
      const found = objects.find(({ kind }) => kind === 'DaemonSet') as unknown as {
        spec: { template: { spec: { containers: { env: { name: string }[]; securityContext: object }[] } } };
      };
      return found.spec.template.spec.containers[0];
    };
    const plain = await agentOf('');
    expect(plain?.securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
    expect(plain?.securityContext).not.toHaveProperty('privileged');
    const capping = await agentOf('--set agent.powerCaps=true');
    expect(capping?.securityContext).toEqual({ readOnlyRootFilesystem: true, privileged: true });
    expect(capping?.env).toContainEqual({ name: 'AIDC_POWER_CAPS', value: 'true' });
  });

  it('lets nothing to an agent but who reads its metrics, and nothing out but to API servers', async () => {
    const metricsFrom = '--set networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus';
    const objects = await shell.render(`${INSTALL}member ${metricsFrom}`);
    const [policy, ...more] = objects.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as {
      spec: {
        podSelector: object;
        policyTypes: string[];
        ingress: { ports: object[]; from: object[] }[];
        egress: object[];
      };
    }[];
    const agents = objects.find(({ kind }) => kind === 'DaemonSet') as unknown as { spec: { selector: object } };
    expect(more).toEqual([]);
    expect(policy?.spec.podSelector).toEqual(agents.spec.selector);
    expect(policy?.spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(policy?.spec.ingress).toMatchObject([
      {
        ports: [{ port: 'http', protocol: 'TCP' }],
        from: [
          { podSelector: { matchLabels: { 'app.kubernetes.io/component': 'test' } } },
          { podSelector: { matchLabels: { app: 'prometheus' } } },
        ],
      },
    ]);
    const ports = [53, 53, 443, 6443];
    expect(policy?.spec.egress.flatMap((rule) => (rule as { ports: { port: number }[] }).ports)).toMatchObject(
      ports.map((port) => ({ port })),
    );
    const off = await shell.render(`${INSTALL}member --set networkPolicy.enabled=false`);
    expect(off.filter(({ kind }) => kind === 'NetworkPolicy')).toEqual([]);
  });

  it('warns of a runtime that is not there, and says that monitoring is off', async () => {
    const guian = centre.region('guian');
    const notes = `helm install x charts/aidc-operator ${INSTALL}all --dry-run=server`;
    const first = await shell.sh(notes, guian);
    expect(first).toContain('WARNING: this cluster has no RuntimeClass nvidia, so the agent cannot start');
    expect(first).toContain('Monitoring is off: serviceMonitor.enabled, prometheusRule.enabled and dashboards.enabled');
    const runtime = {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'nvidia' },
      handler: 'nvidia',
    };
    await shell.sh('kubectl apply -f -', guian, JSON.stringify(runtime));
    expect(await shell.sh(notes, guian)).not.toContain('RuntimeClass nvidia, so');
    // Helm knows a release by the namespace it was told, not by the one of its objects.
    const apart = 'helm install x charts/aidc-operator --namespace platform --dry-run=server';
    const elsewhere = await shell.sh(`${apart} --set mode=all,namespaceOverride=aidc-system`, guian);
    expect(elsewhere).toContain('helm test -n platform x\n');
    expect(elsewhere).toContain('kubectl rollout status -n aidc-system deployment/x-aidc-operator\n');
    const asked = '--set dashboards.enabled=true';
    expect(await shell.sh(`${notes} ${asked}`, guian)).not.toContain('Monitoring is off');
  });

  it('takes over what was applied by hand', async () => {
    const crds = [...generated()].filter(([path]) => path.startsWith('crds/')).map(([, text]) => text);
    await shell.sh('kubectl apply --server-side -f -', centre.hub, crds.join('---\n'));
    const install = `helm install aidc-operator charts/aidc-operator ${INSTALL}hub`;
    await expect(shell.sh(install, centre.hub)).rejects.toThrow('cannot be imported');
    await shell.sh(`${install} --take-ownership`, centre.hub);
  });

  it('meets the restricted Pod Security Standard', async () => {
    const guian = centre.region('guian');
    await shell.sh(
      'kubectl create ns strict && kubectl label ns strict pod-security.kubernetes.io/enforce=restricted && kubectl create sa aidc-operator -n strict',
      guian,
    );
    const objects = await shell.render('--namespace strict --set mode=hub');
    const hooks = await shell.render('--namespace strict --set mode=hub,crds.keep=false');
    const tests = hooks.filter(({ kind }) => kind === 'Pod');
    const job = hooks.find(({ kind }) => kind === 'Job')?.spec as { template: ReturnType<typeof deployedPod> };
    const { spec, metadata } = deployedPod(objects);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'x', namespace: 'strict' }, spec };
    expect(tests).toHaveLength(2);
    const accounts = ['kinds', 'let-go'].map((name) => hooks.find((one) => isAccount(one, name)));
    for (const account of accounts) await shell.sh('kubectl apply -f -', guian, JSON.stringify(account));
    for (const one of [pod, ...tests, { ...pod, ...job.template, metadata: pod.metadata }]) {
      await shell.sh('kubectl create --dry-run=server -f -', guian, JSON.stringify(one));
    }
    const loose = { ...pod, spec: { ...spec, hostNetwork: true } };
    await expect(shell.sh('kubectl create --dry-run=server -f -', guian, JSON.stringify(loose))).rejects.toThrow(
      'violates PodSecurity',
    );
  });
});

describe('a release in one cluster', () => {
  const uids = async (): Promise<Map<string, string | undefined>> => {
    const live = await shell.sh(
      'helm get manifest aidc-operator -n aidc-system | kubectl get -f - -o json',
      centre.region('guian'),
    );
    const { items } = JSON.parse(live) as { items: KubeObject[] };
    return new Map(items.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.uid]));
  };

  it('is installed in one step, and lets users of a namespace have our kinds', async () => {
    const guian = centre.region('guian');
    await shell.documented('All in one', guian);
    await shell.sh('kubectl apply -f -', guian, await block('yaml', 'apiVersion: aidc.dev'));
    await shell.sh(
      `kubectl create ns team && kubectl create rolebinding a --clusterrole=edit --user=ann -n team &&
       kubectl create rolebinding b --clusterrole=view --user=bob -n team &&
       kubectl create clusterrolebinding c --clusterrole=admin --user=cyd`,
      guian,
    );
    const can = (user: string, what: string): Promise<string> =>
      shell.sh(`kubectl auth can-i ${what} -n team --as=${user} || true`, guian).then((said) => said.trim());
    // The controller of aggregated roles takes its time.
    await eventually(async () => (await can('ann', 'create modeltrainings.aidc.dev')) === 'yes', { within: 60_000 });
    await eventually(async () => (await can('cyd', 'create computequeues.aidc.dev')) === 'yes', { within: 60_000 });
    expect(await can('ann', 'patch modelservings.aidc.dev/chat --subresource=scale')).toBe('yes');
    expect(await can('ann', 'create computequeues.aidc.dev')).toBe('no');
    expect(await can('bob', 'list datasets.aidc.dev')).toBe('yes');
    expect(await can('bob', 'create datasets.aidc.dev')).toBe('no');
  });

  it('fits well into the Secret that Helm keeps of it', async () => {
    const [size] = (
      await shell.sh(
        `kubectl get secret -n aidc-system -l owner=helm -o go-template='{{range .items}}{{len .data.release}} {{end}}'`,
        centre.region('guian'),
      )
    ).split(' ');
    expect(Number(size)).toBeGreaterThan(10_000);
    expect(Number(size)).toBeLessThan(500_000);
  });

  it('is upgraded in place: every object stays the one it was', async () => {
    const guian = centre.region('guian');
    const before = await uids();
    const region = await centre.getJson<KubeObject>(['regionalcluster', 'here'], guian);
    await shell.sh(
      'helm upgrade aidc-operator charts/aidc-operator -n aidc-system --reuse-values --set replicas=3',
      guian,
    );
    await shell.documented('Upgrade', guian);
    expect(await uids()).toEqual(before);
    expect(before.size).toBeGreaterThan(15);
    expect(await centre.getJson(['regionalcluster', 'here'], guian)).toEqual(region);
    const { spec } = await centre.getJson<Manifest>(['-n', 'aidc-system', 'deployment', 'aidc-operator'], guian);
    expect((spec as { replicas: number }).replicas).toBe(3);
  });

  it('is uninstalled at once with objects that wait for it, keeps them, and comes back', async () => {
    const guian = centre.region('guian');
    await shell.sh(
      `kubectl patch regionalcluster here --type=merge -p '{"metadata": {"finalizers": ["aidc.dev/member-cleanup"]}}'`,
      guian,
    );
    await shell.documented('Uninstall', guian);
    expect(await shell.sh('kubectl get regionalcluster,computequeue -o name', guian)).toBe(
      'regionalcluster.aidc.dev/here\ncomputequeue.aidc.dev/default\n',
    );
    expect(await shell.sh('kubectl get priorityclass aidc-workload -o name', guian)).toContain('aidc-workload');
    expect(await shell.sh('kubectl get all,sa -n aidc-system -o name -l app.kubernetes.io/instance', guian)).toBe('');
    await shell.documented('All in one', guian);
    await shell.documented('Uninstall', guian);
    await shell.sh('kubectl delete regionalcluster here --wait=false', guian);
    await shell.documented('Let go without the operator', guian);
    await shell.sh('kubectl wait regionalcluster/here --for=delete --timeout=60s', guian);
    expect(await shell.sh('kubectl get regionalcluster -o name', guian)).toBe('');
  });
});
