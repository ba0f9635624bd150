import { describe, expect, it } from 'vitest';
import { DEFAULT_CAP_RULE } from '../core/power/cap-rule.ts';
import { parseNvidiaSmi } from '../nvidia-smi/index.ts';
import { documentOf } from '../nvidia-smi/testing/build.ts';
import { MemoryLogger } from '../runtime/logger.ts';
import { Boards } from './boards.ts';
import { type CapRecord, type Holder, PowerCaps } from './power-caps.ts';

const A = 'GPU-00000000-0000-0000-0000-00000000000a';
const B = 'GPU-00000000-0000-0000-0000-00000000000b';
const INTERVAL_MS = 5_000;

/** Two boards of 200 to 700 W, and an nvidia-smi that may refuse or ignore what it is told. */
class Node {
  readonly limits = new Map<string, number>([
    [A, 700],
    [B, 700],
  ]);
  readonly draw = new Map<string, number>([
    [A, 600],
    [B, 500],
  ]);
  readonly set: string[] = [];
  readonly logger = new MemoryLogger();
  saved: readonly CapRecord[] = [];
  utilization = '90 %';
  refuses = false;
  ignores = false;
  canSave = true;
  atMs = 0;
  holders: Map<string, Holder> | undefined = new Map();
  caps = this.start();

  start(records: readonly CapRecord[] = this.saved): PowerCaps {
    this.caps = new PowerCaps({
      rule: DEFAULT_CAP_RULE,
      measureMs: 60_000,
      records,
      setLimit: async (uuid, watts) => this.setLimit(uuid, watts),
      save: async (caps) => {
        if (!this.canSave) throw new Error('disk full');
        this.saved = caps;
      },
      logger: this.logger,
    });
    return this.caps;
  }

  setLimit(uuid: string, watts: number): string | undefined {
    this.set.push(`${uuid} ${watts}`);
    if (this.refuses) return 'nvidia-smi ended with code 4.';
    // What is done to a board must be written down before.
    if (watts < 700) expect(this.saved.map((record) => record.uuid)).toContain(uuid);
    if (!this.ignores) this.limits.set(uuid, watts);
    return undefined;
  }

  holds(pod: string, cap: string | undefined, ...uuids: string[]): void {
    for (const uuid of uuids) this.holders?.set(uuid, { pod, cap });
  }

  async samples(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      this.atMs += INTERVAL_MS;
      const boards = new Boards();
      boards.update(parseNvidiaSmi(this.#document()));
      this.caps.sample({ boards: boards.list, holders: this.holders, atMs: this.atMs, maxGapMs: 3 * INTERVAL_MS });
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #document(): string {
    const gpu = [A, B].map((uuid) => ({
      uuid,
      utilization: { gpu_util: this.utilization },
      gpu_power_readings: {
        average_power_draw: `${Math.min(this.draw.get(uuid) ?? 0, this.limits.get(uuid) ?? 0)} W`,
        current_power_limit: `${this.limits.get(uuid)} W`,
        default_power_limit: '700.00 W',
        min_power_limit: '200.00 W',
        max_power_limit: '700.00 W',
      },
    }));
    return documentOf({ attached_gpus: '2', gpu });
  }

  results(): Record<string, number> {
    return Object.fromEntries([...this.caps.results].filter(([, count]) => count > 0));
  }
}

describe('a fixed cap', () => {
  it('is applied, verified, and taken back when its pod is gone', async () => {
    const node = new Node();
    node.holds('one', '450', A);
    await node.samples(4);
    expect(node.set).toEqual([`${A} 450`]);
    expect(node.results()).toEqual({ applied: 1 });
    expect(node.caps.caps).toEqual([{ uuid: A, pod: 'one', watts: 450, beforeWatts: 700 }]);
    node.holders = new Map();
    await node.samples(4);
    expect(node.set).toEqual([`${A} 450`, `${A} 700`]);
    expect(node.results()).toEqual({ applied: 1, restored: 1 });
    expect(node.saved).toEqual([]);
  });

  it.each([
    ['50', [`${A} 200`]],
    ['700', []],
    ['9000', []],
    ['much', []],
    ['0', []],
    ['-300', []],
    ['300.5', []],
  ])('of %s is brought within what the board takes', async (cap, set) => {
    const node = new Node();
    node.holds('one', cap, A);
    await node.samples(5);
    expect(node.set).toEqual(set);
  });

  it('never raises a limit that somebody set, and restores that one', async () => {
    const node = new Node();
    node.limits.set(A, 400);
    node.limits.set(B, 600);
    node.holds('one', '500', A, B);
    await node.samples(3);
    expect(node.set).toEqual([`${B} 500`]);
    node.holders = new Map();
    await node.samples(3);
    expect(node.limits.get(B)).toBe(600);
  });

  it('goes over from one pod to the next by the limit that was there', async () => {
    const node = new Node();
    node.holds('one', '300', A);
    await node.samples(2);
    node.holds('two', '500', A);
    await node.samples(5);
    expect(node.set).toEqual([`${A} 300`, `${A} 700`, `${A} 500`]);
    expect(node.caps.caps).toEqual([{ uuid: A, pod: 'two', watts: 500, beforeWatts: 700 }]);
  });

  it('is set again when somebody else changed it', async () => {
    const node = new Node();
    node.holds('one', '300', A);
    await node.samples(3);
    node.limits.set(A, 650);
    await node.samples(3);
    expect(node.limits.get(A)).toBe(300);
  });

  it('stays while nobody knows who holds the board', async () => {
    const node = new Node();
    node.holds('one', '300', A);
    await node.samples(3);
    node.holders = undefined;
    await node.samples(20);
    expect(node.set).toEqual([`${A} 300`]);
  });
});

describe('Auto', () => {
  it('is measured over the time at work, over all boards of the pod, and follows the rule', async () => {
    const node = new Node();
    node.holds('one', 'Auto', A, B);
    node.utilization = '0 %';
    await node.samples(30);
    node.utilization = '90 %';
    await node.samples(11);
    expect(node.set).toEqual([]);
    await node.samples(2);
    // Seven eighths of 600 W for both: the slower board would hold up the other.
    expect(node.set).toEqual([`${A} 525`, `${B} 525`]);
    await node.samples(50);
    expect(node.set).toHaveLength(2);
  });

  it('begins anew with the next pod', async () => {
    const node = new Node();
    node.holds('one', 'Auto', A);
    await node.samples(11);
    node.holds('two', 'Auto', A);
    await node.samples(11);
    expect(node.set).toEqual([]);
  });
});

describe('trouble', () => {
  it('with a refusal: tried again later and later', async () => {
    const node = new Node();
    node.refuses = true;
    node.holds('one', '300', A);
    await node.samples(100);
    expect(node.set.length).toBeGreaterThan(2);
    expect(node.set.length).toBeLessThan(8);
    expect(node.results()).toEqual({ refused: node.set.length });
    node.refuses = false;
    await node.samples(200);
    expect(node.limits.get(A)).toBe(300);
  });

  it('with a limit that does not come to hold: counted, and tried again', async () => {
    const node = new Node();
    node.ignores = true;
    node.holds('one', '300', A);
    await node.samples(6);
    expect(node.results()).toEqual({ unverified: 1 });
    node.ignores = false;
    await node.samples(20);
    expect(node.results()).toEqual({ unverified: 1, applied: 1 });
  });

  it('with the disk: no board is touched that is not written down', async () => {
    const node = new Node();
    node.canSave = false;
    node.holds('one', '300', A);
    await node.samples(5);
    expect(node.set).toEqual([]);
    node.canSave = true;
    await node.samples(3);
    expect(node.limits.get(A)).toBe(300);
  });
});

describe('the end', () => {
  it('restores every board, and leaves what it could not to the next run', async () => {
    const node = new Node();
    node.holds('one', '300', A, B);
    await node.samples(3);
    await node.caps.end(async (uuid, watts) => (uuid === B ? 'no' : node.setLimit(uuid, watts)));
    expect([...node.limits.values()]).toEqual([700, 300]);
    expect(node.saved).toEqual([{ uuid: B, pod: 'one', watts: 300, beforeWatts: 700 }]);
    node.holders = new Map();
    node.start();
    await node.samples(3);
    expect(node.limits.get(B)).toBe(700);
    expect(node.saved).toEqual([]);
  });

  it('by a crash: the next run keeps the cap of a pod that is still there', async () => {
    const node = new Node();
    node.holds('one', '300', A);
    await node.samples(3);
    node.start();
    await node.samples(5);
    expect(node.set).toEqual([`${A} 300`]);
    node.holds('two', undefined, A);
    await node.samples(3);
    expect(node.limits.get(A)).toBe(700);
  });
});
