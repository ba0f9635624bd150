import { describe, expect, it } from 'vitest';
import { aHeldReplica, aServing } from '../../test/support/builders.ts';
import { groupService, objectName, replicaObjects, revisionOf, servicePorts, servingService } from './desired.ts';

const PLACE = { hubId: 'hub', region: 'guian' };

interface WorkloadObject {
  kind: string;
  metadata: { name: string; labels: Record<string, string>; annotations: Record<string, string> };
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    serviceName?: string;
    ordinals?: { start: number };
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: { matchFields: { values: string[] }[] }[];
            };
          };
          podAntiAffinity?: object;
        };
        containers: {
          name: string;
          env: { name: string; value?: string }[];
          resources: { limits: Record<string, string> };
        }[];
        priorityClassName: string;
      };
    };
  };
}

const objects = (spec: object, held = aHeldReplica(0)): WorkloadObject[] =>
  replicaObjects(aServing({ spec }), held, PLACE) as WorkloadObject[];
const nodesOf = (object: WorkloadObject | undefined): string[] =>
  object?.spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.flatMap(
    ({ matchFields }) => matchFields.flatMap(({ values }) => values),
  ) ?? [];

describe('the objects of a replica', () => {
  it('are one Deployment of one pod, pinned to its node, for one node', () => {
    const [deployment, ...others] = objects({});
    expect(others).toEqual([]);
    expect(deployment).toMatchObject({ kind: 'Deployment', metadata: { name: 'chat-1' }, spec: { replicas: 1 } });
    expect(nodesOf(deployment)).toEqual(['gpu-1']);
    expect(deployment?.spec.template.spec.affinity.podAntiAffinity).toBeUndefined();
    const main = deployment?.spec.template.spec.containers[0];
    expect(main?.resources.limits).toEqual({ cpu: '8', 'nvidia.com/gpu': '8' });
    expect(main?.env).toContainEqual({ name: 'AIDC_MODEL_URI', value: 's3://models/chat' });
    expect(deployment?.spec.template.spec.priorityClassName).toBe('aidc-workload');
  });

  it('are one StatefulSet whose pods keep apart, for several nodes', () => {
    const [set, ...others] = objects({ nodesPerReplica: 2 }, aHeldReplica(0, { assignment: 'gpu-[1-2]:1' }));
    expect(others).toEqual([]);
    expect(set).toMatchObject({ kind: 'StatefulSet', spec: { replicas: 2, serviceName: 'chat-1' } });
    expect(nodesOf(set)).toEqual(['gpu-1', 'gpu-2']);
    expect(set?.spec.template.spec.affinity.podAntiAffinity).toBeDefined();
  });

  it('may share a node where the decision says so', () => {
    const [set] = objects({ nodesPerReplica: 2 }, aHeldReplica(0, { assignment: 'gpu-1:2' }));
    expect(nodesOf(set)).toEqual(['gpu-1']);
    expect(set?.spec.template.spec.affinity.podAntiAffinity).toBeUndefined();
  });

  it('are two StatefulSets that select different pods, where workers have their own template', () => {
    const worker = { spec: { containers: [{ name: 'main', image: 'worker:1' }] } };
    const held = aHeldReplica(0, { assignment: 'gpu-[1-3]:1' });
    const [leader, workers] = objects({ nodesPerReplica: 3, worker }, held);
    expect([nodesOf(leader), nodesOf(workers)]).toEqual([['gpu-1'], ['gpu-2', 'gpu-3']]);
    expect(workers).toMatchObject({ metadata: { name: 'chat-1-w' }, spec: { replicas: 2, ordinals: { start: 1 } } });
    for (const object of [leader, workers]) {
      expect(object?.spec.template.metadata.labels).toMatchObject(object?.spec.selector.matchLabels ?? { none: '' });
    }
    expect(leader?.spec.selector.matchLabels).not.toEqual(workers?.spec.selector.matchLabels);
  });

  it('have names that leave room for the label of a StatefulSet’s pods, one a serving and attempt', () => {
    const long = 'a'.repeat(48);
    for (const attempt of [1, 999, 1000, 123_456]) expect(objectName(long, attempt).length).toBeLessThanOrEqual(52);
    expect(objectName(long, 1000)).not.toBe(objectName(`${'a'.repeat(47)}b`, 1000));
    expect(objectName(long, 1000)).not.toBe(objectName(long, 1001));
    expect(objectName('chat', 7)).toBe('chat-7');
  });

  it('belong together by owner, so that the names of a replica go with it', () => {
    const serving = aServing({ spec: { nodesPerReplica: 2 } });
    const service = groupService(serving, aHeldReplica(0), 'hub', { name: 'chat-1', uid: 'set' });
    expect(service).toMatchObject({
      metadata: { name: 'chat-1', ownerReferences: [{ kind: 'StatefulSet', name: 'chat-1', uid: 'set' }] },
      spec: { clusterIP: 'None', publishNotReadyAddresses: true },
    });
  });
});

describe('the Service of a serving', () => {
  it('has the ports that main declares, else 8000', () => {
    expect(servicePorts(aServing())).toEqual([{ name: 'http', port: 8000, targetPort: 8000, protocol: 'TCP' }]);
    const ports = [
      { name: 'grpc', containerPort: 9000 },
      { containerPort: 9001, protocol: 'UDP' },
    ];
    const template = {
      spec: {
        containers: [
          { name: 'side', image: 's' },
          { name: 'main', image: 'm', ports },
        ],
      },
    };
    expect(servicePorts(aServing({ spec: { template } }))).toEqual([
      { name: 'grpc', port: 9000, targetPort: 9000, protocol: 'TCP' },
      { name: 'port-9001', port: 9001, targetPort: 9001, protocol: 'UDP' },
    ]);
  });

  it('leads to the leaders only where a replica has several pods', () => {
    const selector = (spec: object) =>
      (servingService(aServing({ spec }), 'hub', 3) as { spec: { selector: Record<string, string> } }).spec.selector;
    expect(selector({})).toEqual({ 'aidc.dev/workload-uid': 'uid-1' });
    expect(selector({ nodesPerReplica: 2 })).toMatchObject({ 'apps.kubernetes.io/pod-index': '0' });
  });
});

describe('the revision', () => {
  it('changes with what the pods are made of, and with nothing else', () => {
    const base = revisionOf(aServing());
    expect(revisionOf(aServing({ spec: { replicas: 9, queue: 'other', suspend: true } }))).toBe(base);
    expect(revisionOf(aServing({ spec: { model: { uri: 's3://models/other' } } }))).not.toBe(base);
    const template = { spec: { containers: [{ name: 'main', image: 'serve:2' }] } };
    expect(revisionOf(aServing({ spec: { template } }))).not.toBe(base);
  });
});
