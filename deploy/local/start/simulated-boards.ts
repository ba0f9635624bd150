import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PodDevices } from '../../../src/agent/pod-resources.ts';

const BOARDS = 8;
const IDLE = { watts: 90, percent: 0, usedMib: 4, celsius: 32 };
const BUSY = { watts: 610, percent: 96, usedMib: 74_210, celsius: 64 };

/** A pod on the node, with the boards it asks for. */
export interface BoardPod {
  readonly namespace: string;
  readonly name: string;
  readonly resource: string;
  readonly count: number;
}

/** The boards of a simulated node: who holds which, and an nvidia-smi that prints what they draw. */
export class SimulatedBoards {
  readonly nvidiaSmi: string;
  readonly #node: string;
  readonly #document: string;
  #holders = new Map<number, BoardPod>();

  constructor(folder: string, node: string, intervalSeconds: number) {
    this.#node = node;
    mkdirSync(folder, { recursive: true });
    this.#document = join(folder, 'document.xml');
    this.nvidiaSmi = join(folder, 'nvidia-smi');
    // As nvidia-smi -q -x -l does; it ends when nobody reads any more.
    const script = `#!/bin/sh\nwhile cat '${this.#document}'; do sleep ${intervalSeconds}; done\n`;
    writeFileSync(this.nvidiaSmi, script);
    chmodSync(this.nvidiaSmi, 0o755);
    this.#write();
  }

  /** Pods keep their boards; new ones get those that are free, as a device plugin does. */
  hold(pods: readonly BoardPod[]): void {
    const keys = new Set(pods.map(keyOf));
    const next = new Map([...this.#holders].filter(([, pod]) => keys.has(keyOf(pod))));
    const held = new Set([...next.values()].map(keyOf));
    const free = Array.from({ length: BOARDS }, (_, board) => board).filter((board) => !next.has(board));
    for (const pod of pods.filter((one) => !held.has(keyOf(one)))) {
      for (const board of free.splice(0, pod.count)) next.set(board, pod);
    }
    const changed = [...next.keys()].join() !== [...this.#holders.keys()].join();
    this.#holders = next;
    if (changed) this.#write();
  }

  /** As the kubelet tells it. */
  list(): Promise<PodDevices[]> {
    const devices = new Map<string, PodDevices & { ids: string[] }>();
    for (const [board, { namespace, name, resource }] of this.#holders) {
      const known = devices.get(`${namespace}/${name}`) ?? { namespace, name, resource, ids: [] };
      known.ids.push(this.#uuid(board));
      devices.set(`${namespace}/${name}`, known);
    }
    return Promise.resolve([...devices.values()]);
  }

  #uuid(board: number): string {
    const hex = createHash('sha256').update(`${this.#node}/${board}`).digest('hex');
    return `GPU-${[8, 12, 16, 20, 32].map((end, at, ends) => hex.slice(ends[at - 1] ?? 0, end)).join('-')}`;
  }

  #write(): void {
    const gpus = Array.from({ length: BOARDS }, (_, board) => {
      const load = this.#holders.has(board) ? BUSY : IDLE;
      const watts = load.watts + board;
      const state =
        `<utilization><gpu_util>${load.percent} %</gpu_util></utilization>` +
        `<fb_memory_usage><total>81559 MiB</total><used>${load.usedMib} MiB</used></fb_memory_usage>` +
        `<temperature><gpu_temp>${load.celsius + board} C</gpu_temp></temperature>` +
        `<gpu_recovery_action>None</gpu_recovery_action>`;
      return `<gpu id="0000:0${board}:00.0"><product_name>Simulated</product_name><uuid>${this.#uuid(board)}</uuid><minor_number>${board}</minor_number><pci><pci_bus_id>0000:0${board}:00.0</pci_bus_id></pci><gpu_power_readings><average_power_draw>${watts}.00 W</average_power_draw><current_power_limit>700.00 W</current_power_limit></gpu_power_readings>${state}</gpu>`;
    });
    const document = `<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">\n<nvidia_smi_log><driver_version>580.0</driver_version><cuda_version>13.0</cuda_version><attached_gpus>${BOARDS}</attached_gpus>${gpus.join('')}</nvidia_smi_log>\n`;
    writeFileSync(`${this.#document}.new`, document);
    renameSync(`${this.#document}.new`, this.#document);
  }
}

const keyOf = ({ namespace, name }: BoardPod): string => `${namespace}/${name}`;
