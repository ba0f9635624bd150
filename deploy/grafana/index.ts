import { bill } from './bill.ts';
import { type Dashboard, grafanaModel } from './builder.ts';
import { fleet } from './fleet.ts';
import { health } from './health.ts';
import { nodes } from './nodes.ts';
import { queues } from './queues.ts';

export const DASHBOARD_FOLDER = 'deploy/grafana/dashboards';
export const DASHBOARDS: readonly Dashboard[] = [fleet, bill, queues, health, nodes];

/** Grafana's JSON by file name. */
export const dashboardFiles = (): Map<string, string> =>
  new Map(
    DASHBOARDS.map((dashboard) => [
      `${dashboard.uid}.json`,
      `${JSON.stringify(grafanaModel(dashboard), undefined, 2)}\n`,
    ]),
  );
