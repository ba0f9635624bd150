import { describe, expect, it } from 'vitest';
import { anAdmission, aTraining } from '../../test/support/builders.ts';
import { NodeMeter } from '../../test/support/node-meter.ts';
import { LABEL, type ModelTraining } from '../api/index.ts';
import { Store } from '../kube/store.ts';
import type { EnergyReport, Member, MemberNode, MemberPod } from '../regions/index.ts';
import { aNode, aRegion } from '../regions/testing.ts';
import { noopLogger } from '../runtime/logger.ts';
import { Checkpoints } from './checkpoints.ts';
import { ClusterLedger, outdated } from './cluster-ledger.ts';
import type { LostBoard } from './node-watch.ts';
import { fakeClient } from './testing.ts';
import { Workloads } from './workloads.ts';

const START = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
/** A node's hour by configured power: one run has all of its 8 boards of 700 W. */
const HOUR_JOULES = 8 * 700 * 3600;

/** A cluster of two nodes, one of which runs a training; its hub can be restarted. */
class Bench {
  nowMs = START;
  readonly nodes = new Store<MemberNode>();
  readonly reports = new Store<EnergyReport>();
  readonly client = fakeClient();
  readonly checkpoints = new Checkpoints(this.client as never, 'aidc-system', noopLogger);
  readonly trainings = new Store<ModelTraining>();
  readonly meters = ['gpu-1', 'gpu-2'].map((node) => new NodeMeter({ apply: this.#take } as never, node));
  ledger = this.#open();
  #version = 0;
  readonly lost: LostBoard[] = [];

  constructor() {
    for (const name of ['gpu-1', 'gpu-2']) this.nodes.apply(aNode(name));
  }

  get #take() {
    return (_: unknown, { name, body }: { name: string; body: EnergyReport }): Promise<object> => {
      this.#version += 1;
      const metadata = { ...body.metadata, name, uid: name, resourceVersion: `${this.#version}` };
      this.reports.apply({ data: body.data, metadata } as EnergyReport);
      return Promise.resolve({});
    };
  }

  #open(kept?: ConstructorParameters<typeof ClusterLedger>[1]): ClusterLedger {
    const hub = { trainings: this.trainings, servings: new Store(), namespaces: new Store() };
    const workloads = new Workloads(hub as never, () => this.nowMs);
    const options = { checkpoints: this.checkpoints, workloads, logger: noopLogger, count: () => {}, reset: () => {} };
    const lost = (boards: readonly LostBoard[]) => void this.lost.push(...boards);
    return new ClusterLedger({ name: 'guian', isKnown: () => true, lost, ...options }, kept);
  }

  /** The training holds `gpu-1`, or has ended. */
  run(isHeld: boolean): void {
    this.#version += 1;
    const admission = anAdmission({ assignment: 'gpu-1:1', admittedAt: new Date(START).toISOString() });
    const status = isHeld ? { admission } : { attempts: [], completionTime: new Date(this.nowMs).toISOString() };
    const metadata = { resourceVersion: `${this.#version}` };
    this.trainings.apply(
      aTraining({ metadata, status: { tenant: 't', ...status } as ModelTraining['status'] & object }),
    );
  }

  get member(): Member {
    const stores = { nodes: this.nodes, energyReports: this.reports, pods: new Store<MemberPod>() };
    const state = { name: 'guian', clockSkewMs: 0, synced: true, reachable: () => true };
    return { object: aRegion('guian'), ...stores, ...state } as unknown as Member;
  }

  /** Both agents write, or the second alone. */
  async report(...nodes: string[]): Promise<void> {
    for (const meter of this.meters) if (nodes.includes(meter.node)) await meter.write(this.nowMs);
  }

  async turn(hours = 0): Promise<void> {
    this.nowMs += hours * HOUR;
    this.ledger.book(this.member, this.nowMs);
    await this.ledger.keep();
  }

  async restart(): Promise<void> {
    this.ledger = this.#open((await this.checkpoints.load('guian')).get('guian'));
    await this.turn();
  }

  get use() {
    const use = this.ledger.told?.uses.get('uid-1');
    return { final: use?.final.gpuJoules ?? 0, estimated: use?.estimated.gpuJoules ?? 0 };
  }
}

describe('the ledger of a cluster', () => {
  async function silentFor(hours: number): Promise<Bench> {
    const bench = new Bench();
    bench.run(true);
    await bench.report('gpu-1', 'gpu-2');
    await bench.turn();
    for (let hour = 0; hour < hours; hour += 1) await bench.turn(1);
    return bench;
  }
  const restarts: [string, (bench: Bench) => Promise<void>][] = [
    ['a restart', (bench) => bench.restart()],
    [
      'a conflict',
      async (bench) => {
        for (const map of bench.client.maps.values()) map.metadata.resourceVersion += '0';
        // Something to write: the other node is heard.
        await bench.report('gpu-2');
        await bench.turn();
        await bench.turn();
      },
    ],
  ];

  it.each(restarts)('does not estimate the silence of a node that was given up again after %s', async (_, happens) => {
    const bench = await silentFor(49);
    const { final } = bench.use;
    expect(final / HOUR_JOULES).toBeCloseTo(48, 6);
    await happens(bench);
    expect(bench.use.final).toBe(final);
    expect(bench.ledger.states(bench.nowMs).has('gpu-1')).toBe(false);
    await bench.turn(1);
    expect(bench.use).toEqual({ final, estimated: final });
  });

  it.each(restarts)(
    'keeps what is estimated of a run that ended while its node was silent, after %s',
    async (_, happens) => {
      const bench = await silentFor(3);
      bench.run(false);
      await bench.turn();
      const { estimated } = bench.use;
      expect(estimated / HOUR_JOULES).toBeCloseTo(3, 6);
      await happens(bench);
      expect(bench.use).toEqual({ final: 0, estimated });
      // When the node is heard, what it measured takes its place.
      await bench.report('gpu-1');
      await bench.turn();
      expect(bench.use).toEqual({ final: 0, estimated: 0 });
    },
  );

  it('forgets a node that is gone when it has been given up, and keeps what it came to', async () => {
    const bench = await silentFor(49);
    const books = () => JSON.stringify([...bench.client.maps.values()]);
    const { final } = bench.use;
    bench.nodes.remove('gpu-1');
    await bench.turn(1);
    // While the run holds it, nobody may estimate its time again.
    expect(books()).toContain('\\"gpu-1\\"');
    bench.run(false);
    await bench.turn(0.1);
    expect(bench.use.final).toBe(final);
    expect(books()).not.toContain('\\"gpu-1\\"');
    expect(bench.reports.has('aidc-system/aidc-energy-gpu-1')).toBe(true);
    await bench.restart();
    await bench.turn(0.1);
    expect(bench.use.final).toBe(final);
    expect(books()).not.toContain('\\"gpu-1\\"');
    // Should it come back, it is booked from then on.
    await bench.report('gpu-1');
    await bench.turn();
    expect(bench.ledger.states(bench.nowMs).get('gpu-1')).toBe('reporting');
    expect(bench.use.final).toBe(final);
  });

  it('goes on with the estimate of a silent node after a restart', async () => {
    const bench = await silentFor(3);
    await bench.restart();
    await bench.turn(1);
    expect(bench.use.estimated / HOUR_JOULES).toBeCloseTo(4, 6);
  });

  describe('sees', () => {
    const pod = {
      metadata: {
        uid: 'p',
        namespace: 'team',
        name: 'p',
        labels: { [LABEL.workloadUid]: 'uid-1', [LABEL.attempt]: '1' },
      },
    };
    async function watched(): Promise<Bench> {
      const bench = new Bench();
      bench.run(true);
      bench.meters[0]?.hold(pod as never, 2, { watts: 500 });
      await bench.report('gpu-1', 'gpu-2');
      await bench.turn();
      return bench;
    }

    it('what a cluster and a run draw, while all that the run holds is measured', async () => {
      const bench = await watched();
      const { watch } = bench.ledger;
      expect(watch.draw?.gpuWatts).toBe(2 * 500 + 14 * 100);
      expect(watch.drawOf('uid-1/1', ['gpu-1'])?.gpuWatts).toBe(1000);
      expect(watch.drawOf('uid-1/1', ['gpu-1', 'gpu-2'])).toBeUndefined();
      // A node that is silent for longer than five minutes tells nothing any more.
      await bench.turn(0.05);
      await bench.report('gpu-2');
      await bench.turn(0.05);
      expect(bench.ledger.watch.draw?.gpuWatts).toBe(800);
      expect(bench.ledger.watch.drawOf('uid-1/1', ['gpu-1'])).toBeUndefined();
    });

    it('again after a restart what it saw before', async () => {
      const bench = await watched();
      await bench.restart();
      expect(bench.ledger.watch.drawOf('uid-1/1', ['gpu-1'])?.gpuWatts).toBe(1000);
    });

    it('an agent without samples as blind, and why', async () => {
      const bench = await watched();
      const [meter] = bench.meters;
      if (meter !== undefined) meter.trouble = 'nvidia-smi hangs';
      await bench.report('gpu-1', 'gpu-2');
      await bench.turn();
      expect(Object.fromEntries(bench.ledger.states(bench.nowMs))).toEqual({ 'gpu-1': 'blind', 'gpu-2': 'reporting' });
      expect(bench.ledger.watch.trouble('gpu-1')).toBe('nvidia-smi hangs');
      expect(bench.ledger.watch.draw?.gpuWatts).toBe(800);
    });

    it('a clock that is ahead at once, one that is behind when it stays so, and neither where a report was late', async () => {
      const bench = await watched();
      const write = async (aheadMs: number) => {
        await bench.meters[0]?.write(bench.nowMs + aheadMs);
        await bench.turn(1 / 60);
        return [...bench.ledger.watch.clocksOff].map(([node, ms]) => `${node} ${Math.round(ms / 60_000)}`);
      };
      expect(await write(0)).toEqual([]);
      expect(await write(3_600_000)).toEqual(['gpu-1 59']);
      expect(await write(0)).toEqual([]);
      expect(await write(-600_000)).toEqual([]);
      expect(await write(0)).toEqual([]);
      expect(await write(-610_000)).toEqual([]);
      expect(await write(-610_000)).toEqual(['gpu-1 -11']);
      await bench.restart();
      expect(bench.ledger.watch.clocksOff.size).toBe(0);
    });

    it('a board that is lost once, and again when it was back meanwhile', async () => {
      const bench = await watched();
      const see = async (health: 'lost' | 'healthy') => {
        bench.meters[0]?.hold(pod as never, 1, { health });
        await bench.report('gpu-1');
        await bench.turn();
      };
      await see('lost');
      await see('lost');
      expect(bench.lost).toEqual([{ node: 'gpu-1', uuid: 'GPU-gpu-1-0', holders: [{ run: 'uid-1/1', share: 1 }] }]);
      await see('healthy');
      await see('lost');
      expect(bench.lost).toHaveLength(2);
    });
  });

  it('knows reports that nobody waits for: of nodes that are gone, after two days', async () => {
    const bench = await silentFor(49);
    const names = () => outdated(bench.member, bench.nowMs).map(({ data }) => data.node);
    expect(names()).toEqual([]);
    bench.nodes.remove('gpu-1');
    expect(names()).toEqual(['gpu-1']);
    await bench.report('gpu-1');
    expect(names()).toEqual([]);
  });
});
