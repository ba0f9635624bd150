import type { EnergySource } from '../energy/index.ts';
import type { HubStores } from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import type { MemberRegistry } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Scheduler } from '../scheduling/index.ts';
import type { HonourCheck } from '../workloads/honour.ts';
import type { LifeMetrics } from '../workloads/life-metrics.ts';
import type { MemberNamespaces } from '../workloads/namespaces.ts';
import type { RunSettings } from '../workloads/settings.ts';
import type { Tombstones } from '../workloads/tombstones.ts';

/** What the parts of this controller are made with. */
export interface TrainingDeps {
  readonly hubId: string;
  readonly hub: HubStores;
  readonly client: KubeClient;
  readonly members: MemberRegistry;
  readonly namespaces: MemberNamespaces;
  readonly scheduler: Scheduler;
  readonly status: StatusWriter;
  readonly events: EventRecorder;
  readonly energy: EnergySource;
  readonly honour: HonourCheck;
  readonly life: LifeMetrics;
  readonly tombstones: Pick<Tombstones, 'bury'>;
  readonly settings: RunSettings;
  readonly clock: Clock;
  readonly enqueue: (key: string) => void;
}
