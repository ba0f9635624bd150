import { join } from 'node:path';
import { readNodes, readPods, readStreams, modelsOf } from './placement/lists.ts';
import { at, POLICIES, replay, workbench } from './placement/replay.ts';
const dir = '/work/shared/data/openb';
const lists = process.argv[2]?.split(',') ?? ['default'];
const seeds = Number(process.argv[3] ?? 1);
const pols = process.argv[4]?.split(',') ?? POLICIES;
const nodes = readNodes(join(dir, 'openb_node_list_gpu_node.csv'));
for (const list of lists) {
  const pods = readPods(join(dir, `openb_pod_list_${list}.csv`), modelsOf(nodes));
  const streams = readStreams(join(dir, `streams_${list}.json`), pods.length, nodes.length);
  const bench = workbench(nodes, pods);
  for (const p of pols) {
    const sums = [0, 0, 0, 0];
    const t0 = performance.now();
    for (const s of streams.slice(0, seeds)) {
      const r = replay(bench, s, p as 'ours');
      sums[0]! += at(r, 100, 'alloc'); sums[1]! += at(r, 130, 'alloc'); sums[2]! += at(r, 130, 'frag'); sums[3]! += at(r, 80, 'kw');
    }
    console.log(list, p, sums.map((x) => (x / seeds).toFixed(3)).join(' '), ((performance.now() - t0) / 1000 / seeds).toFixed(2));
  }
}
