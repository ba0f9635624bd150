/** `nodes.ts REGION [CENTRE]`: the nodes of a region of the local centre as a List for kubectl, to be simulated by kwok. */
import { loadCentre } from '../local/centre.ts';
import { nodesOf } from '../local/nodes.ts';

/** kwok plays the kubelets of nodes with this label. */
const SIMULATED = { 'sim.aidc.dev/simulated': 'true' };
/** Keeps off what is not the operator's: a program must not come to a node that only pretends to run it. */
const TAINT = { key: 'aidc.dev/accelerator', value: 'true', effect: 'NoSchedule' } as const;

const [name = '', centre] = process.argv.slice(2);
const regions = await loadCentre(centre);
const region = regions.find((one) => one.name === name);
if (region === undefined) {
  console.error(`there is no region ${name}: it must be ${regions.map((one) => one.name).join(', ')}`);
  process.exit(2);
}
const nodeGroups = region.nodeGroups.map((group) => ({
  ...group,
  labels: { ...group.labels, ...SIMULATED },
  taints: [...group.taints, TAINT],
}));
console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: nodesOf({ ...region, nodeGroups }) }));
